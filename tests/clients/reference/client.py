"""A client as openapi-python-client makes it: lists messages, sends one, and is refused. Its folder, the origin and a token are given."""
import json
import sys

folder, origin, token = sys.argv[1:]
sys.path.insert(0, folder)

from confab_client import AuthenticatedClient  # noqa: E402
from confab_client.api.conversations import get_conversation  # noqa: E402
from confab_client.api.messages import list_messages, send_message  # noqa: E402
from confab_client.models import Failure, SendMessageRequest  # noqa: E402

with AuthenticatedClient(base_url=origin, token=token) as client:
    listed = list_messages.sync(1, client=client, limit=5)
    sent = send_message.sync(1, client=client, body=SendMessageRequest(content="From Python"))
    refused = get_conversation.sync(999_999, client=client)

assert isinstance(refused, Failure), refused
print(json.dumps({
    "count": len(listed.data),
    "hasMore": listed.page.has_more,
    "sent": sent.data.content,
    "code": str(refused.code.value),
}))
