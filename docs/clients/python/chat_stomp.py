"""A chat over STOMP with stomp.py, and httpx for REST. pip install stomp.py websocket-client httpx"""

import json
import os
import sys
import time
from urllib.parse import urlsplit

import httpx
import stomp

url = os.environ.get("CONFAB_URL", "http://localhost:1337")
headers = {"Authorization": "Bearer " + os.environ["CONFAB_TOKEN"]}
rest = httpx.Client(base_url=url + "/api/chat", headers=headers)
address = urlsplit(url)
connection = stomp.WSStompConnection([(address.hostname, address.port)], ws_path="/ws/chat", heartbeats=(10000, 10000))


def connect():
    while True:
        try:
            return connection.connect(wait=True, headers=headers)
        except stomp.exception.ConnectFailedException:
            time.sleep(0.5)


class Listener(stomp.ConnectionListener):
    def __init__(self, cursor):
        self.cursor = cursor

    def on_connected(self, frame):
        # What was missed since the cursor comes first.
        connection.subscribe("/user/queue/chat/messages", id="1", headers={"after": self.cursor})
        connection.subscribe("/user/queue/chat/errors", id="2")

    def on_message(self, frame):
        body = json.loads(frame.body)
        if frame.headers["subscription"] == "2":
            print(body["error"], file=sys.stderr)
            return
        self.cursor = frame.headers["cursor"]
        if not body["isEdited"] and not body["isDeleted"]:
            print(f"{body['senderName']}: {body['content']}", flush=True)

    def on_error(self, frame):
        # It ends the session: a refused token, as a rule, which does not get better by trying again.
        print(frame.headers.get("message"), file=sys.stderr)
        os._exit(1)

    def on_disconnected(self):
        connect()


# The cursor is asked for before what is shown: nothing that happens from here on is missed.
listener = Listener(rest.get("/events").raise_for_status().json()["page"]["next"])
conversations = rest.get("/conversations").raise_for_status().json()["data"]
for it in conversations:
    print(it["id"], it["name"], flush=True)
connection.set_listener("", listener)
connect()
for line in sys.stdin:
    body = json.dumps({"conversationId": conversations[0]["id"], "content": line.rstrip("\n")})
    connection.send("/app/chat.send", body, content_type="application/json")
