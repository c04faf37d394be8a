#!/usr/bin/env bash
# A chat with curl and jq: REST to read and send, a stream of events to listen. A cut stream goes on behind its last id.
set -euo pipefail
url=${CONFAB_URL:-http://localhost:1337}
auth="Authorization: Bearer $CONFAB_TOKEN"
json='Content-Type: application/json'

# The cursor is asked for before what is shown: nothing that happens from here on is missed.
cursor=$(curl -sSf "$url/api/chat/events" -H "$auth" | jq -r .page.next)
conversations=$(curl -sSf "$url/api/chat/conversations" -H "$auth")
jq -r '.data[] | "\(.id) \(.name)"' <<<"$conversations"
first=$(jq -r '.data[0].id' <<<"$conversations")

follow() {
  local query='{"query": "subscription { events { type ... on MessageEvent { message { content sender { name } } } } }"}'
  local id=$cursor line
  while :; do
    while IFS= read -r line; do
      line=${line%$'\r'}
      case $line in
        id:*) id=${line#id:} && id=${id# } ;;
        data:?*) jq -r '.data.events | select(.type == "MESSAGE_SENT") | .message | "\(.sender.name): \(.content)"' <<<"${line#data:}" ;;
      esac
    done < <(curl -sN "$url/graphql" -H "$auth" -H "$json" -H 'Accept: text/event-stream' -H "Last-Event-ID: $id" -d "$query")
    # The end of the token ends the stream, too, and does not get better by trying again.
    if [[ $(curl -s -o /dev/null -w '%{http_code}' "$url/api/chat/events" -H "$auth") == 401 ]]; then
      echo "The token has ended: get a new one" >&2
      kill $$
      return
    fi
    sleep 0.5
  done
}
follow &
trap 'kill $! 2>/dev/null || true' EXIT
trap 'exit 1' TERM

while IFS= read -r line; do
  curl -sSf "$url/api/chat/conversations/$first/messages" -H "$auth" -H "$json" -d "$(jq -n --arg content "$line" '{$content}')" >/dev/null
done
