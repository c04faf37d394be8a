// Clients behind the balancer of examples/cluster: which node they come to is nothing that they notice. It is run by
// examples/cluster/check, which starts the cluster.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import WebSocket from 'ws';
import { curl } from '../curl.mjs';
import { chatClient } from '../stomp/chat-client.mjs';
import { Inbox, within } from '../wait.mjs';

const { CLUSTER_URL, CLUSTER_NODES, CLUSTER_PROCESSES, CLUSTER_TOKENS } = process.env;
if (!CLUSTER_URL) throw new Error('There is no cluster: run examples/cluster/check');
const nodes = CLUSTER_NODES.split(' ');
const [alice, bob, carol] = CLUSTER_TOKENS.split(' ');
const cluster = { origin: CLUSTER_URL };
/** Sessions of each transport: by chance all their requests would not come to one node. */
const SESSIONS = 20;
/** Far below the time after which a node looks into the log of its own accord. */
const AT_ONCE = 2_000;

const open = new Set();
after(() => open.forEach((close) => close()));

/** Which node has answered: the last of those that were asked. */
const last = (asked) => asked.split(', ').pop();

/** Sends a message through the balancer; resolves with it and the node that took it. */
async function send(token, content) {
  const answer = await fetch(`${CLUSTER_URL}/api/chat/conversations/1/messages`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ content }),
  });
  const body = await answer.json();
  if (answer.status !== 201) throw new Error(`Sending was answered with ${answer.status}: ${JSON.stringify(body)}`);
  return { ...body.data, node: last(answer.headers.get('x-node')) };
}

/** A STOMP session over a plain WebSocket that hears messages; `node` is the one that it came to. */
async function listen(token) {
  const socket = new WebSocket(CLUSTER_URL.replace('http', 'ws') + '/ws/chat/websocket', 'v12.stomp');
  const inbox = new Inbox('STOMP over WebSocket');
  open.add(() => socket.terminate());
  let node;
  socket.on('upgrade', (answer) => (node = last(answer.headers['x-node'])));
  socket.on('message', (data) => inbox.put(data.toString()));
  socket.on('error', (error) => inbox.put(`error ${error.message}`));
  const closed = new Promise((done) => socket.on('close', done));
  await within(10_000, new Promise((done) => socket.on('open', done)), 'the WebSocket');
  socket.send(`CONNECT\naccept-version:1.2\nheart-beat:0,0\nAuthorization:Bearer ${token}\n\n\0`);
  await inbox.take('CONNECTED', (it) => it.startsWith('CONNECTED'));
  socket.send('SUBSCRIBE\nid:0\nreceipt:r\ndestination:/user/queue/chat/messages\n\n\0');
  await inbox.take('the receipt', (it) => it.startsWith('RECEIPT'));
  const hears = (content) => inbox.take(content, (it) => it.startsWith('MESSAGE') && it.includes(`"${content}"`), AT_ONCE);
  return { node, hears, closed };
}

/** A session at each node, by coming to the balancer until both have one. */
async function listenAtBoth(token) {
  const sessions = new Map();
  for (let tries = 0; sessions.size < nodes.length && tries < 10; tries++) {
    const session = await listen(token);
    sessions.set(session.node, session);
  }
  assert.deepEqual([...sessions.keys()].sort(), [...nodes].sort(), 'the balancer goes to both nodes');
  return [...sessions.values()];
}

test('what is sent to one node is heard at both', async () => {
  const ears = await listenAtBoth(bob);
  const took = new Set();
  for (let number = 0; number < 10; number++) {
    const { node } = await send(alice, `balanced ${number}`);
    took.add(node);
    await Promise.all(ears.map((ear) => ear.hears(`balanced ${number}`)));
  }
  assert.equal(took.size, nodes.length, 'both have taken messages');
});

test('server-sent events come through as they happen, whichever node has the stream', async () => {
  const streams = [];
  for (let number = 0; number < 4; number++) {
    const stream = spawn('curl', [
      ...['--silent', '--no-buffer', '--max-time', '30', `${CLUSTER_URL}/graphql`, '-H', `Authorization: Bearer ${bob}`],
      ...['-H', 'Accept: text/event-stream', '-H', 'Content-Type: application/json', '--include'],
      ...['-d', JSON.stringify({ query: 'subscription { messages(conversationId: 1) { content } }' })],
    ]);
    open.add(() => stream.kill());
    const events = new Inbox('events');
    stream.stdout.on('data', (text) => events.put(text.toString()));
    const head = await events.take('the head', (it) => /x-node/i.test(it));
    streams.push({ events, node: /x-node: (\S+)/i.exec(head)[1] });
  }
  assert.equal(new Set(streams.map((it) => it.node)).size, nodes.length);
  const { content } = await send(alice, 'streamed');
  await Promise.all(streams.map(({ events }) => events.take(content, (it) => it.includes(`"${content}"`), AT_ONCE)));
});

for (const transport of ['xhr-polling', 'xhr-streaming', 'eventsource', 'websocket']) {
  test(`${SESSIONS} sessions of sockjs-client over ${transport} stay with their nodes`, async () => {
    const connects = Array.from({ length: SESSIONS }, async () => {
      const client = chatClient(cluster, carol, transport);
      open.add(() => client.chat.disconnect());
      assert.equal(await client.hear('connected'), transport);
      // Sent by requests of their own, and answered by others.
      for (let turn = 0; turn < 3; turn++) await within(10_000, client.settled(), 'the receipt');
      return client;
    });
    const came = await Promise.allSettled(connects);
    const failed = came.filter((it) => it.status === 'rejected').map((it) => it.reason.message);
    assert.deepEqual(failed, [], `${SESSIONS - failed.length} of ${SESSIONS} came to be`);
    const { content } = await send(alice, `to all of ${transport}`);
    const heard = came.map((it) => it.value.hear('New message', (message) => message.content === content));
    await within(AT_ONCE * 2, Promise.all(heard), 'the message at all sessions');
    came.forEach((it) => it.value.chat.disconnect());
  });
}

test('links begin with the address of the balancer, and both nodes have the bytes', async () => {
  const form = ['-F', 'file=@package.json;type=text/plain'];
  const { status, body } = await curl('-X', 'POST', `${CLUSTER_URL}/api/files`, '-H', `Authorization: Bearer ${alice}`, ...form);
  assert.equal(status, 201, JSON.stringify(body));
  assert.ok(body.data.url.startsWith(`${CLUSTER_URL}/`), body.data.url);
  // Both nodes have the bytes.
  for (let turn = 0; turn < 4; turn++) {
    const file = await fetch(body.data.url);
    assert.equal(file.status, 200, `at ${file.headers.get('x-node')}`);
    assert.match(await file.text(), /confab-clients/);
  }
});

test('while a node stops, no request fails, and its clients come to the other', async () => {
  const ears = await listenAtBoth(bob);
  const [leaving, staying] = [ears.find((it) => it.node === nodes[0]), ears.find((it) => it.node === nodes[1])];
  process.kill(Number(CLUSTER_PROCESSES.split(' ')[0]), 'SIGTERM');
  let gone = false;
  const code = leaving.closed.then((it) => ((gone = true), it));
  const counts = { asked: 0, taken: 0 };
  while (!gone && counts.asked < 600) {
    counts.asked += 1;
    const answer = await fetch(`${CLUSTER_URL}/api/chat/conversations`, { headers: { Authorization: `Bearer ${bob}` } });
    await answer.arrayBuffer();
    counts.taken += answer.status === 200;
    await pause(100);
  }
  assert.equal(await within(1_000, code, 'the end of the session'), 1001);
  assert.deepEqual(counts, { asked: counts.asked, taken: counts.asked });
  // The node is gone or about to go: whoever comes now comes to the other one.
  const back = await listen(bob);
  assert.equal(back.node, nodes[1]);
  await send(alice, 'after the stop');
  await Promise.all([staying, back].map((ear) => ear.hears('after the stop')));
});
