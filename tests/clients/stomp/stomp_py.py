"""The Python client stomp.py: connects, subscribes, sends with a receipt, hears the message, disconnects.

Takes the port, the path and the token; prints what came as JSON, a line each.
"""

import json
import queue
import sys

import stomp

port, path, token = int(sys.argv[1]), sys.argv[2], sys.argv[3]
heard = queue.Queue()


class Listener(stomp.ConnectionListener):
    def on_receipt(self, frame):
        heard.put(("receipt", frame.headers["receipt-id"]))

    def on_message(self, frame):
        heard.put(("message", json.loads(frame.body)))

    def on_error(self, frame):
        heard.put(("error", frame.headers.get("message")))


def wait_for(*kinds):
    missing = list(kinds)
    while missing:
        came, value = heard.get(timeout=10)
        print(json.dumps({came: value}), flush=True)
        missing.remove(came)


connection = stomp.WSStompConnection([("127.0.0.1", port)], ws_path=path, heartbeats=(10000, 10000))
connection.set_listener("", Listener())
connection.connect(wait=True, headers={"Authorization": "Bearer " + token})
connection.subscribe("/user/queue/chat/messages", id="1", headers={"receipt": "subscribed"})
wait_for("receipt")
body = json.dumps({"conversationId": 1, "content": "From Python \N{THUMBS UP SIGN}"}, ensure_ascii=False)
connection.send("/app/chat.send", body, headers={"receipt": "sent"})
wait_for("message", "receipt")
connection.disconnect(receipt="bye")
wait_for("receipt")
