// urql with its normalised cache: keys, pages of messages, a subscription, and what it shows after the server died.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Client, fetchExchange, gql, subscriptionExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { buildSchema, isObjectType } from 'graphql';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { Bell, eventually, same } from './eventually.mjs';
import { ask, schema, startServer, storedTexts } from './server.mjs';

const LOG = gql`
  query Log($id: ID!, $last: Int, $before: String) {
    conversation(id: $id) {
      id
      name
      messages(last: $last, before: $before) {
        edges { cursor node { id content isEdited reactions { nodeId emoji } reactionSummary { emoji count } } }
        pageInfo { hasPreviousPage hasNextPage startCursor endCursor }
      }
    }
  }
`;
const EVENTS = gql`
  subscription ($after: String) {
    events(after: $after) {
      cursor
      ... on MessageEvent { edge { cursor node { id content isEdited reactions { nodeId emoji } reactionSummary { emoji count } } } }
    }
  }
`;
const PAGE = { id: '1', last: 3 };

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.remove());

/** A client as urql's documentation makes one. `warnings` has what the cache complains of. */
async function clientOf(t, name) {
  const warnings = [];
  const token = server.token(name);
  const socket = createClient({
    url: `${server.origin.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: () => ({ Authorization: `Bearer ${token}` }),
    retryAttempts: 0,
  });
  t.after(() => socket.dispose());
  const { __schema } = await ask(server, name, INTROSPECTION);
  const keys = Object.fromEntries(
    __schema.types
      .filter((it) => it.kind === 'OBJECT' && !it.fields.some((field) => field.name === 'id'))
      // What has no id of its own but one among all objects goes by that, anything else belongs to where it stands.
      .map((it) => [it.name, it.fields.some((field) => field.name === 'nodeId') ? (data) => data.nodeId : () => null])
      .filter(([type]) => !['Query', 'Mutation', 'Subscription'].includes(type)),
  );
  const cache = cacheExchange({
    schema: { __schema },
    keys,
    resolvers: { Conversation: { messages: relayPagination() }, Query: { conversations: relayPagination() } },
    updates: {
      Subscription: {
        events({ events: { edge } }, _args, cache) {
          if (!edge) return;
          cache.updateQuery({ query: LOG, variables: PAGE }, (shown) => {
            const { edges } = shown.conversation.messages;
            if (!edges.some((it) => it.node.id === edge.node.id)) edges.push(edge);
            return shown;
          });
        },
      },
    },
    logger: (severity, message) => severity !== 'debug' && warnings.push(`${severity}: ${message}`),
  });
  const client = new Client({
    url: `${server.origin}/graphql`,
    preferGetMethod: false,
    fetchOptions: { headers: { Authorization: `Bearer ${token}` } },
    exchanges: [
      cache,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
        }),
      }),
    ],
  });
  return { client, warnings };
}

const INTROSPECTION = `{
  __schema {
    queryType { name } mutationType { name } subscriptionType { name }
    types {
      kind name
      fields { name args { name type { ...T } } type { ...T } }
      interfaces { kind name }
      possibleTypes { kind name }
      inputFields { name type { ...T } }
    }
  }
}
fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }`;

test('urql: things of the same number are kept apart, and what changes is seen wherever it is shown', async (t) => {
  const { client, warnings } = await clientOf(t, 'Carol');
  const query = gql`{
    me { id name } user(id: 1) { id name } message(id: 1) { id content conversation { id name muted } sender { id name } }
    conversation(id: 1) { id name muted createdBy { id name } viewerPermissions { canSend } participants { id role user { id name } } }
  }`;
  const { data, error } = await client.query(query, {});
  assert.equal(error?.message, undefined);
  const kept = () => client.readQuery(query, {}).data;
  // Over the network it came with type names, out of the cache it is the same.
  assert.deepEqual(JSON.parse(JSON.stringify(kept())), JSON.parse(JSON.stringify(data)));
  assert.equal(kept().user.name, 'Alice');
  assert.equal(kept().message.conversation.name, 'Project Team');

  await client.mutation(gql`mutation { setMuted(conversationId: 1, muted: true) { id muted } }`, {});
  assert.deepEqual([kept().conversation.muted, kept().message.conversation.muted], [true, true]);
  assert.deepEqual(warnings, []);
});

test('urql: pages backwards, hears, and shows all after the server was killed', async (t) => {
  for (let n = 0; n < 7; n++) await server.send('Alice', 1, `Number ${n}`);
  await server.rest('Alice', 'POST', '/api/chat/messages/1/reactions/toggle', { emoji: '👍' });
  const { client, warnings } = await clientOf(t, 'Bob');
  const { data } = await client.query(gql`{ sync { cursor } }`, {});

  const changes = new Bell();
  let shown;
  const watching = client.query(LOG, PAGE).subscribe((result) => {
    assert.equal(result.error?.message, undefined);
    shown = result.data.conversation.messages;
    changes.ring();
  });
  t.after(() => watching.unsubscribe());
  const texts = () => shown?.edges.map((it) => it.node.content) ?? [];
  await eventually(texts, (it) => it.length === 3, changes.listen, 'the newest three');
  while (shown.pageInfo.hasPreviousPage) {
    const before = shown.pageInfo.startCursor;
    const { error } = await client.query(LOG, { ...PAGE, before });
    assert.equal(error?.message, undefined);
    await eventually(() => shown.pageInfo.startCursor, (it) => it !== before, changes.listen, 'the page before');
  }
  const shows = async (what) => {
    const stored = await storedTexts(server, 1);
    await eventually(texts, (it) => same(it, stored), changes.listen, what);
  };
  await shows('all pages');

  follow(t, client, data.sync.cursor);
  const first = await server.send('Alice', 1, 'Heard');
  await shows('what was sent');

  await server.kill();
  await server.start();
  await server.send('Alice', 1, 'After the kill');
  await server.rest('Alice', 'PUT', `/api/chat/messages/${first.id}`, { content: 'Edited' });
  await shows('what was sent and edited meanwhile');
  assert.deepEqual(warnings, []);
});

test('urql: the recipe names every type without an id', () => {
  const recipe = readFileSync(new URL('../../../docs/clients/urql/chat.mjs', import.meta.url), 'utf8');
  const named = /EMBEDDED = `([^`]*)`/.exec(recipe)[1].trim().split(/\s+/);
  const types = Object.values(buildSchema(schema()).getTypeMap()).filter((it) => isObjectType(it) && !it.name.startsWith('__'));
  // Graphcache itself knows what connections, their edges and roots are.
  const known = /^(Query|Mutation|Subscription|PageInfo)$|(Connection|Edge)$/;
  const without = types.filter((it) => !it.getFields().id && !it.getFields().nodeId && !known.test(it.name));
  assert.deepEqual(named.toSorted(), without.map((it) => it.name).toSorted());
});

/** Follows the log from the cursor until the test ends; after each cut from the newest. */
function follow(t, client, cursor) {
  let ended = false;
  let pause;
  let subscription;
  const begin = () => {
    subscription = client.subscription(EVENTS, { after: cursor }).subscribe(({ data, error }) => {
      if (data?.events) cursor = data.events.cursor;
      if (error && !ended) {
        subscription?.unsubscribe();
        pause = setTimeout(begin, 100);
      }
    });
  };
  begin();
  t.after(() => {
    ended = true;
    clearTimeout(pause);
    subscription.unsubscribe();
  });
}
