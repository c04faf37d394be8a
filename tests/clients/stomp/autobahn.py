"""The cases of the Autobahn suite, run by kosoku against the WebSocket at an address.

Takes the address, and then the cases that are left out. Prints the cases as JSON: their verdicts by their numbers.
"""

import asyncio
import json
import os
import sys

from kosoku import FailureError, run_fuzzingclient


async def run(address, left_out):
    try:
        return await run_fuzzingclient(address, None, left_out, concurrency=4)
    except FailureError as failed:
        return failed.results


results = asyncio.run(run(sys.argv[1], sys.argv[2:]))
print(json.dumps({it.case_id: [it.behavior.value, it.behavior_close.value] for it in results}), flush=True)
# Its runtime aborts now and then while Python ends.
os._exit(0)
