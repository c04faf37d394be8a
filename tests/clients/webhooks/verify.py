"""The Python library standardwebhooks: verifies one webhook and prints what it says.

Takes JSON with the secret, the headers and the body.
"""

import json
import sys

from standardwebhooks import Webhook

hook = json.loads(sys.argv[1])
print(json.dumps(Webhook(hook["secret"]).verify(hook["body"], hook["headers"])))
