"""A chat in Python: httpx for REST, gql for what happens. pip install 'gql[websockets,httpx]'"""

import asyncio
import os
import sys

import httpx
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportError, TransportQueryError
from gql.transport.websockets import WebsocketsTransport

url = os.environ.get("CONFAB_URL", "http://localhost:1337")
headers = {"Authorization": "Bearer " + os.environ["CONFAB_TOKEN"]}

EVENTS = """
    subscription ($after: String) {
      events(after: $after) { cursor type ... on MessageEvent { message { content sender { name } } } }
    }
"""


def stop(sentence):
    """Ends the program at once: a thread that waits for a line would hold up any other end."""
    print(sentence, file=sys.stderr, flush=True)
    os._exit(1)


async def follow(rest, cursor):
    """Prints what is sent behind the cursor, each once and in order, through every cut."""
    while True:
        transport = WebsocketsTransport(url=url.replace("http", "ws", 1) + "/graphql", init_payload=headers)
        try:
            async with Client(transport=transport) as session:
                async for data in session.subscribe(GraphQLRequest(EVENTS, variable_values={"after": cursor})):
                    event = data["events"]
                    if event["type"] == "MESSAGE_SENT":
                        message = event["message"]
                        print(f"{message['sender']['name']}: {message['content']}", flush=True)
                    cursor = event["cursor"]
        except TransportQueryError as error:
            # CURSOR_EXPIRED, as a rule: read all anew.
            stop(str(error))
        except (TransportError, OSError) as error:
            print(f"The connection is gone: {error!r}", file=sys.stderr)
            # The end of the token ends the connection, too, and does not get better by trying again: REST says which it is.
            try:
                if (await rest.get("/events")).status_code == 401:
                    stop("The token has ended: get a new one")
            except httpx.TransportError:
                pass
        await asyncio.sleep(0.5)


async def main():
    async with httpx.AsyncClient(base_url=url + "/api/chat", headers=headers) as rest:
        # The cursor is asked for before what is shown: nothing that happens from here on is missed.
        cursor = (await rest.get("/events")).raise_for_status().json()["page"]["next"]
        conversations = (await rest.get("/conversations")).raise_for_status().json()["data"]
        for it in conversations:
            print(it["id"], it["name"], flush=True)
        following = asyncio.create_task(follow(rest, cursor))
        while line := await asyncio.to_thread(sys.stdin.readline):
            answer = await rest.post(f"/conversations/{conversations[0]['id']}/messages", json={"content": line.rstrip("\n")})
            if answer.is_error:
                print(answer.json()["error"], file=sys.stderr)
        following.cancel()


asyncio.run(main())
