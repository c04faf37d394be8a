// What Spring's Java client sends, byte for byte: WebSocketStompClient with SockJsClient over its WebSocketTransport.
// First GET …/info, then a WebSocket at …/<server>/<session>/websocket, frames of STOMP in frames of SockJS.
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const url = process.env.CONFAB_URL ?? 'http://localhost:1337';
const authorization = `Bearer ${process.env.CONFAB_TOKEN}`;
const headers = { Authorization: authorization };

// In Java a RestClient does this much.
async function get(path) {
  const answer = await (await fetch(`${url}/api/chat${path}`, { headers })).json();
  if (!answer.success) throw new Error(answer.error);
  return answer;
}
// The cursor is asked for before what is shown: nothing that happens from here on is missed.
let cursor = (await get('/events')).page.next;
const { data: conversations } = await get('/conversations');
for (const { id, name } of conversations) console.log(id, name);

let socket;
const frame = (command, lines, body = '') => `${[command, ...lines].join('\n')}\n\n${body}\0`;
const say = (text) => socket.send(JSON.stringify([text]));

/** DefaultStompSession: ids of subscriptions count from 0, and a length is said where there is a body. */
function connected() {
  say(frame('SUBSCRIBE', ['id:0', 'destination:/user/queue/chat/messages', `after:${cursor}`]));
  say(frame('SUBSCRIBE', ['id:1', 'destination:/user/queue/chat/errors']));
}

function send(content) {
  const body = JSON.stringify({ conversationId: conversations[0].id, content });
  say(frame('SEND', ['destination:/app/chat.send', 'content-type:application/json', `content-length:${Buffer.byteLength(body)}`], body));
}

function hear(text) {
  if (text.trim() === '') return; // a heart-beat
  const [head, body] = [text.slice(0, text.indexOf('\n\n')), text.slice(text.indexOf('\n\n') + 2, -1)];
  const [command, ...lines] = head.split('\n');
  const header = Object.fromEntries(lines.map((it) => [it.slice(0, it.indexOf(':')), it.slice(it.indexOf(':') + 1)]));
  if (command === 'CONNECTED') return connected();
  if (command === 'ERROR') {
    // It ends the session: a refused token, as a rule, which does not get better by trying again.
    console.error(header.message);
    process.exit(1);
  }
  const payload = JSON.parse(body);
  if (header.subscription === '1') return console.error(payload.error);
  cursor = header.cursor.replaceAll('\\c', ':');
  if (!payload.isEdited && !payload.isDeleted) console.log(`${payload.senderName}: ${payload.content}`);
}

async function connect() {
  const again = () => setTimeout(connect, 500);
  const info = await fetch(`${url}/ws/chat/info`, { headers }).then((it) => it.json(), () => undefined);
  if (!info?.websocket) return again();
  // A number of three digits, and a UUID without its hyphens.
  const server = String(Math.floor(Math.random() * 1000)).padStart(3, '0');
  const session = randomUUID().replaceAll('-', '');
  socket = new WebSocket(`${url.replace('http', 'ws')}/ws/chat/${server}/${session}/websocket`, { headers });
  let beat;
  socket.on('message', (data) => {
    const text = String(data);
    if (text === 'o') {
      say(frame('CONNECT', ['accept-version:1.1,1.2', 'heart-beat:10000,10000', `Authorization:${authorization}`]));
      beat = setInterval(say, 10_000, '\n');
    } else if (text.startsWith('a')) {
      JSON.parse(text.slice(1)).forEach(hear);
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    clearInterval(beat);
    again();
  });
}
await connect();
createInterface({ input: process.stdin }).on('line', send);
