// Relay: what its compiler makes of the schema, its store by `nodeId`, a paginated and a refetchable fragment, a subscription.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createClient } from 'graphql-ws';
import relay from 'relay-runtime';
import WebSocket from 'ws';
import { Bell, eventually, same } from './eventually.mjs';
import { schema, startServer, storedTexts } from './server.mjs';

const { commitMutation, ConnectionHandler, createOperationDescriptor, Environment, fetchQuery, getSelector, Network } = relay;
const { Observable, RecordSource, requestSubscription, ROOT_ID, Store } = relay;
const here = fileURLToPath(new URL('.', import.meta.url));
const requireHere = createRequire(import.meta.url);

let server;
let folder;
let artifact;
before(async () => {
  mkdirSync(join(here, '.scratch'), { recursive: true });
  folder = mkdtempSync(join(here, '.scratch/relay-'));
  mkdirSync(join(folder, 'src'));
  copyFileSync(join(here, 'relay/chat.js'), join(folder, 'src/chat.js'));
  writeFileSync(join(folder, 'schema.graphql'), schema());
  writeFileSync(join(folder, 'package.json'), '{"type": "commonjs"}');
  const config = {
    src: './src',
    schema: './schema.graphql',
    language: 'javascript',
    eagerEsModules: false,
    schemaConfig: { nodeInterfaceIdField: 'nodeId', nodeInterfaceIdVariableName: 'nodeId' },
  };
  writeFileSync(join(folder, 'relay.config.json'), JSON.stringify(config));
  execFileSync(process.execPath, [requireHere.resolve('relay-compiler/cli.js')], { cwd: folder, stdio: 'pipe' });
  const load = createRequire(join(folder, 'src/'));
  artifact = (name) => load(`./__generated__/${name}.graphql.js`);
  server = await startServer();
});
after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server?.remove();
});

function environmentOf(t, name) {
  const token = server.token(name);
  const ask = async ({ text: query }, variables) => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    const answer = await fetch(`${server.origin}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
    return answer.json();
  };
  const socket = createClient({
    url: `${server.origin.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: () => ({ Authorization: `Bearer ${token}` }),
    retryAttempts: 0,
  });
  t.after(() => socket.dispose());
  const listen = ({ text: query }, variables) => Observable.create((sink) => socket.subscribe({ query, variables }, sink));
  return new Environment({
    network: Network.create(ask, listen),
    store: new Store(new RecordSource()),
    getDataID: (record) => record.nodeId,
  });
}

const load = (environment, name, variables) => fetchQuery(environment, artifact(name), variables).toPromise();

/** Reads an operation from the store and keeps it there until the test ends. */
function read(t, environment, name, variables) {
  const operation = createOperationDescriptor(artifact(name), variables);
  const kept = environment.retain(operation);
  t.after(() => kept.dispose());
  return () => environment.lookup(operation.fragment).data;
}

const readFragment = (environment, name, reference) => environment.lookup(getSelector(artifact(name), reference)).data;

const commit = (environment, name, variables) =>
  new Promise((done, fail) => commitMutation(environment, { mutation: artifact(name), variables, onCompleted: done, onError: fail }));

test('Relay: a user, a conversation and a message of the same number are three things in its store', async (t) => {
  const environment = environmentOf(t, 'Bob');
  const answered = await load(environment, 'chatApartQuery', {});
  const stored = read(t, environment, 'chatApartQuery', {})();
  assert.deepEqual(stored, answered);
  assert.equal(stored.me.name, 'Bob');
  assert.equal(stored.user.name, 'Alice');
  assert.equal(stored.conversation.name, 'Project Team');
  assert.equal(stored.message.conversation.name, 'Project Team');

  const source = environment.getStore().getSource();
  const root = source.get(ROOT_ID);
  const ids = ['user(id:1)', 'conversation(id:1)', 'message(id:1)'].map((it) => root[it].__ref);
  assert.equal(new Set(ids).size, 3);
  assert.deepEqual(ids.map((it) => source.get(it).__typename), ['User', 'Conversation', 'Message']);
  // What one thing is in two places is one record.
  assert.equal(source.get(ids[1]).createdBy.__ref, ids[0]);
  assert.equal(source.get(ids[2]).conversation.__ref, ids[1]);
});

test('Relay: a fragment is fetched again by nodeId, and a change is seen wherever it is shown', async (t) => {
  const environment = environmentOf(t, 'Carol');
  const variables = { id: '1', last: 1 };
  await load(environment, 'chatQuery', variables);
  const { conversation } = read(t, environment, 'chatQuery', variables)();
  const head = () => readFragment(environment, 'chatHead_conversation', conversation);
  assert.equal(head().muted, false);
  await commit(environment, 'chatMuteMutation', { id: '1', muted: true });
  assert.equal(head().muted, true);
  const { unreadCount } = head();
  await server.send('Alice', 1, 'Unread by Carol');
  await load(environment, 'chatHeadRefetchQuery', { nodeId: conversation.nodeId });
  assert.equal(head().unreadCount, unreadCount + 1);
});

test('Relay: pages backwards, hears, sends, and shows all after the server was killed', async (t) => {
  for (let n = 0; n < 7; n++) await server.send('Alice', 1, `Number ${n}`);
  const environment = environmentOf(t, 'Bob');
  const variables = { id: '1', last: 3 };
  await load(environment, 'chatQuery', variables);
  const shown = read(t, environment, 'chatQuery', variables);
  const { conversation, sync } = shown();
  const log = () => readFragment(environment, 'chatLog_conversation', shown().conversation).messages;
  const texts = () => log().edges.map((it) => it.node.content);
  assert.equal(texts().length, 3);

  while (log().pageInfo.hasPreviousPage) {
    const { startCursor } = log().pageInfo;
    await load(environment, 'chatLogPaginationQuery', { nodeId: conversation.nodeId, last: 4, before: startCursor });
    assert.notEqual(log().pageInfo.startCursor, startCursor);
  }
  assert.deepEqual(texts(), await storedTexts(server, 1));

  const changes = new Bell();
  follow(t, environment, ConnectionHandler.getConnectionID(conversation.nodeId, 'chatLog_messages'), sync.cursor, changes.ring);
  const shows = async (what) => {
    const stored = await storedTexts(server, 1);
    await eventually(texts, (it) => same(it, stored), changes.listen, what);
  };
  const first = await server.send('Alice', 1, 'Heard');
  await shows('what was sent');
  const { sendMessage } = await commit(environment, 'chatSendMutation', { input: { conversationId: '1', content: 'From Relay' } });
  assert.deepEqual(sendMessage, { content: 'From Relay', sender: { name: 'Bob' } });
  await shows('what was sent by Relay itself');

  await server.kill();
  await server.start();
  await server.send('Alice', 1, 'After the kill');
  await server.rest('Alice', 'PUT', `/api/chat/messages/${first.id}`, { content: 'Edited' });
  await shows('what was sent and edited meanwhile');
});

/** Follows the log from the cursor until the test ends; after each cut from the newest. */
function follow(t, environment, connection, cursor, changed) {
  let ended = false;
  let pause;
  let subscription;
  const begin = () => {
    const again = () => ended || (pause = setTimeout(begin, 100));
    subscription = requestSubscription(environment, {
      subscription: artifact('chatEventsSubscription'),
      variables: { after: cursor, connections: [connection] },
      onNext: ({ events }) => {
        cursor = events.cursor;
        changed();
      },
      onError: again,
      onCompleted: again,
    });
  };
  begin();
  t.after(() => {
    ended = true;
    clearTimeout(pause);
    subscription.dispose();
  });
}
