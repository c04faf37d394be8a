// A chat with @stomp/stompjs over SockJS. Over a plain WebSocket: brokerURL instead of webSocketFactory.
import { createInterface } from 'node:readline';
import { Client } from '@stomp/stompjs';
import SockJS from 'sockjs-client';

const url = process.env.CONFAB_URL ?? 'http://localhost:1337';
const headers = { Authorization: `Bearer ${process.env.CONFAB_TOKEN}` };

async function get(path) {
  const { success, error, data, page } = await (await fetch(`${url}/api/chat${path}`, { headers })).json();
  if (!success) throw new Error(error);
  return { data, page };
}

// The cursor is asked for before what is shown: nothing that happens from here on is missed.
let cursor = (await get('/events')).page.next;
const { data: conversations } = await get('/conversations');
for (const { id, name } of conversations) console.log(id, name);

const client = new Client({
  webSocketFactory: () => new SockJS(`${url}/ws/chat`),
  connectHeaders: headers,
  reconnectDelay: 500,
  onConnect() {
    // After every connection: what was missed since `cursor` comes first.
    const told = (message) => {
      cursor = message.headers.cursor;
      const { senderName, content, isEdited, isDeleted } = JSON.parse(message.body);
      if (!isEdited && !isDeleted) console.log(`${senderName}: ${content}`);
    };
    client.subscribe('/user/queue/chat/messages', told, { after: cursor });
    client.subscribe('/user/queue/chat/errors', (message) => console.error(JSON.parse(message.body).error));
  },
  onStompError(frame) {
    // It ends the session: a refused token, as a rule, which does not get better by trying again.
    console.error(frame.headers.message);
    process.exit(1);
  },
});
client.activate();

createInterface({ input: process.stdin }).on('line', (content) => {
  client.publish({ destination: '/app/chat.send', body: JSON.stringify({ conversationId: conversations[0].id, content }) });
});
