// Apollo Client 3 and 4: its normalised cache, pages of messages, a subscription, and what it shows after the server died.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as apollo4 from '@apollo/client';
import { GraphQLWsLink as Link4 } from '@apollo/client/link/subscriptions';
import * as utilities4 from '@apollo/client/utilities';
import apollo3 from 'apollo-client-3/core/core.cjs';
import links3 from 'apollo-client-3/link/subscriptions/subscriptions.cjs';
import utilities3 from 'apollo-client-3/utilities/utilities.cjs';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { eventually, same } from './eventually.mjs';
import { startServer, storedTexts } from './server.mjs';

// The link looks at it where a socket fails; before Node.js 22 there is none.
globalThis.WebSocket ??= WebSocket;

const VERSIONS = {
  'Apollo Client 3': { ...apollo3, ...links3, ...utilities3 },
  'Apollo Client 4': { ...apollo4, GraphQLWsLink: Link4, ...utilities4 },
};

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.remove());

/** A client as Apollo's documentation makes one: HTTP for all but subscriptions, which go over the socket. */
function clientOf(t, { ApolloClient, ApolloLink, HttpLink, InMemoryCache, GraphQLWsLink, getMainDefinition, relayStylePagination }, name) {
  const token = server.token(name);
  const socket = createClient({
    url: `${server.origin.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: () => ({ Authorization: `Bearer ${token}` }),
    // The one who follows begins again, with the newest cursor; the socket by itself would repeat the first one.
    retryAttempts: 0,
  });
  const isLive = ({ query }) => getMainDefinition(query).operation === 'subscription';
  const http = new HttpLink({ uri: `${server.origin}/graphql`, headers: { Authorization: `Bearer ${token}` } });
  const client = new ApolloClient({
    link: ApolloLink.split(isLive, new GraphQLWsLink(socket), http),
    cache: new InMemoryCache({
      typePolicies: {
        Query: { fields: { conversations: relayStylePagination(['archived', 'pinned', 'search']) } },
        Conversation: { fields: { messages: relayStylePagination() } },
      },
    }),
  });
  t.after(() => {
    client.stop();
    return socket.dispose();
  });
  return client;
}

/** Follows the log from the cursor until the test ends, and keeps the cache in step. */
function follow(t, client, { gql }, log, cursor) {
  const EVENTS = gql`
    subscription ($after: String) {
      events(after: $after) {
        cursor
        ... on MessageEvent { type edge { cursor node { id content isEdited conversationId } } }
      }
    }
  `;
  let subscription;
  let pause;
  let ended = false;
  let after = cursor;
  const begin = () => {
    const again = () => ended || (pause = setTimeout(begin, 100));
    subscription = client.subscribe({ query: EVENTS, variables: { after }, fetchPolicy: 'no-cache' }).subscribe({
      next({ data, error }) {
        if (error) return again();
        after = data.events.cursor;
        const { edge } = data.events;
        if (!edge) return;
        client.cache.updateQuery(log, (shown) => {
          const { messages } = shown.conversation;
          const at = messages.edges.findIndex((it) => it.node.id === edge.node.id);
          const edges = at < 0 ? [...messages.edges, edge] : messages.edges.with(at, edge);
          return { ...shown, conversation: { ...shown.conversation, messages: { ...messages, edges } } };
        });
      },
      error: again,
      complete: again,
    });
  };
  begin();
  t.after(() => {
    ended = true;
    clearTimeout(pause);
    subscription.unsubscribe();
  });
}

for (const [name, apollo] of Object.entries(VERSIONS)) {
  const { gql } = apollo;
  const LOG = gql`
    query Log($id: ID!, $last: Int, $before: String) {
      conversation(id: $id) {
        id
        name
        messages(last: $last, before: $before) {
          edges { cursor node { id content isEdited conversationId } }
          pageInfo { hasPreviousPage hasNextPage startCursor endCursor }
        }
      }
    }
  `;

  test(`${name}: things of the same number are kept apart, and each is kept once`, async (t) => {
    const client = clientOf(t, apollo, 'Bob');
    const { data } = await client.query({
      query: gql`{
        user(id: 1) { id name } conversation(id: 1) { id name lastMessage { id sender { id name } } createdBy { id name } }
        message(id: 1) { id content conversation { id name } sender { id name } }
      }`,
    });
    assert.equal(data.user.name, 'Alice');
    assert.equal(data.conversation.name, 'Project Team');
    assert.equal(data.message.conversation.name, 'Project Team');
    const kept = client.cache.extract();
    assert.equal(kept['User:1'].name, 'Alice');
    assert.equal(kept['Conversation:1'].name, 'Project Team');
    assert.equal(kept['Message:1'].content, data.message.content);
    assert.deepEqual(kept['Conversation:1'].createdBy, { __ref: 'User:1' });

    // What a change answers is seen wherever the thing is shown.
    const changed = await client.mutate({ mutation: gql`mutation { setMuted(conversationId: 1, muted: true) { id muted } }` });
    assert.deepEqual([changed.data.setMuted.muted, client.cache.extract()['Conversation:1'].muted], [true, true]);
  });

  test(`${name}: pages backwards, hears, and shows all after the server was killed`, async (t) => {
    for (let n = 0; n < 7; n++) await server.send('Alice', 1, `${name}, number ${n}`);
    const client = clientOf(t, apollo, 'Bob');
    // The cursor is read first: what happens behind it is heard, and nothing is missed.
    const { data } = await client.query({ query: gql`{ sync { cursor } }`, fetchPolicy: 'no-cache' });

    const variables = { id: '1', last: 3 };
    const log = client.watchQuery({ query: LOG, variables });
    const texts = () => log.getCurrentResult().data?.conversation?.messages.edges.map((it) => it.node.content) ?? [];
    const changed = (listener) => {
      const subscription = log.subscribe({ next: listener, error: listener });
      return () => subscription.unsubscribe();
    };
    t.after(changed(() => {}));
    await eventually(texts, (it) => it.length === 3, changed, 'the newest three');
    let { pageInfo } = log.getCurrentResult().data.conversation.messages;
    while (pageInfo.hasPreviousPage) {
      const page = await log.fetchMore({ variables: { before: pageInfo.startCursor } });
      assert.notEqual(page.data.conversation.messages.pageInfo.startCursor, pageInfo.startCursor);
      ({ pageInfo } = page.data.conversation.messages);
    }
    const shows = async (what) => {
      const stored = await storedTexts(server, 1);
      await eventually(texts, (it) => same(it, stored), changed, what);
    };
    await shows('all pages');

    follow(t, client, apollo, { query: LOG, variables }, data.sync.cursor);
    const first = await server.send('Alice', 1, `${name}, heard`);
    await shows('what was sent');

    await server.kill();
    await server.start();
    // Not waited for: it is behind the cursor, whether the client is back or not.
    await server.send('Alice', 1, `${name}, after the kill`);
    await server.rest('Alice', 'PUT', `/api/chat/messages/${first.id}`, { content: `${name}, edited` });
    await shows('what was sent and edited meanwhile');
  });
}

test('Apollo Client: an answer with errors says what is wrong, and shows the rest', async (t) => {
  for (const apollo of Object.values(VERSIONS)) {
    const client = clientOf(t, apollo, 'Bob');
    const query = apollo.gql`{ me { id } conversation(id: 999999) { id } }`;
    const { data, error, errors } = await client.query({ query, errorPolicy: 'all' });
    assert.deepEqual([data.me.id, data.conversation], ['2', null]);
    assert.equal((errors ?? error.errors)[0].extensions.code, 'NOT_FOUND');
  }
});
