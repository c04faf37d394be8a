// A chat with nothing but fetch and WebSocket: for browsers, Node.js 22 and newer, Deno, Bun.
const url = process.env.CONFAB_URL ?? 'http://localhost:1337';
const token = process.env.CONFAB_TOKEN;

async function ask(query, variables) {
  const answer = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw Object.assign(new Error(errors[0].message), { code: errors[0].extensions?.code });
  return data;
}

const EVENTS = `subscription ($after: String) {
  events(after: $after) { cursor type ... on MessageEvent { message { content sender { name } } } }
}`;

/** Tells every event behind the cursor, each once and in order, through every cut. */
function follow(cursor, tell) {
  let pause = 250;
  (function open() {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const say = (message) => socket.send(JSON.stringify(message));
    socket.onopen = () => say({ type: 'connection_init', payload: { Authorization: `Bearer ${token}` } });
    socket.onmessage = ({ data }) => {
      const { type, payload } = JSON.parse(data);
      if (type === 'ping') say({ type: 'pong' });
      if (type === 'connection_ack') say({ id: '1', type: 'subscribe', payload: { query: EVENTS, variables: { after: cursor } } });
      if (type === 'error') throw new Error(payload[0].message);
      if (type !== 'next') return;
      pause = 250;
      tell(payload.data.events);
      cursor = payload.data.events.cursor;
    };
    socket.onclose = ({ code }) => {
      // 4403: the token is missing, wrong or over. Get a new one before you connect again.
      if (code === 4403) throw new Error('The token was refused');
      setTimeout(open, pause);
      pause = Math.min(pause * 2, 10_000);
    };
  })();
}

/** The server keeps one message of a `tempId`: what is not answered is sent again. */
async function send(conversationId, content) {
  const input = { conversationId, content, tempId: crypto.randomUUID() };
  for (;;) {
    try {
      return await ask('mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }', { input });
    } catch (error) {
      if (error.code) throw error;
      await new Promise((done) => setTimeout(done, 500));
    }
  }
}

// The cursor stands beside what is shown: nothing that happens from here on is missed.
const { sync, conversations } = await ask('{ sync { cursor } conversations(first: 50) { nodes { id name } } }');
for (const { id, name } of conversations.nodes) console.log(id, name);
follow(sync.cursor, ({ type, message }) => type === 'MESSAGE_SENT' && console.log(`${message.sender.name}: ${message.content}`));

const { createInterface } = await import('node:readline');
createInterface({ input: process.stdin }).on('line', (line) => send(conversations.nodes[0].id, line));
