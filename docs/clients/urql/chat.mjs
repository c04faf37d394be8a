// A chat with urql and its normalised cache.
import { createInterface } from 'node:readline';
import { Client, fetchExchange, gql, subscriptionExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const url = process.env.CONFAB_URL ?? 'http://localhost:1337';
const authorization = () => ({ Authorization: `Bearer ${process.env.CONFAB_TOKEN}` });

function stop(why) {
  console.error(why);
  process.exit(1);
}

const LOG = gql`
  query Log($id: ID!, $last: Int, $before: String) {
    conversation(id: $id) {
      id
      messages(last: $last, before: $before) {
        edges { cursor node { id content conversationId sender { id name } } }
        pageInfo { hasPreviousPage hasNextPage startCursor endCursor }
      }
    }
  }
`;
const EVENTS = gql`
  subscription ($after: String) {
    events(after: $after) {
      cursor
      ... on MessageEvent { edge { cursor node { id content conversationId sender { id name } } } }
    }
  }
`;
const SEND = gql`mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }`;

const socket = createClient({
  url: `${url.replace('http', 'ws')}/graphql`,
  webSocketImpl: WebSocket,
  connectionParams: authorization,
  // `follow` connects again, with the newest cursor; the socket would repeat the first.
  retryAttempts: 0,
  // Neither gets better by trying again: get another token, or read all anew.
  on: {
    closed: ({ code }) => code === 4403 && stop('The token was refused'),
    message: ({ type, payload }) => type === 'error' && payload[0].extensions?.code === 'CURSOR_EXPIRED' && stop('The log is shorter'),
  },
});
// What has no `id` belongs to where it stands; a reaction goes by its `nodeId`: ask for it.
const EMBEDDED = `
  ConversationChange ConversationEvent EventPage MessageEvent ParticipantEvent Presence ReactionBroadcast ReactionCount ReactionEvent
  ReactionResult ReadReceipt ReadReceiptBroadcast ReadState ReceiptEvent TokenRenewal TypingIndicator Unread UnreadCount ViewerPermissions
`;
const embedded = EMBEDDED.trim().split(/\s+/).map((it) => [it, () => null]);
const cache = cacheExchange({
  keys: { Reaction: (it) => it.nodeId, ...Object.fromEntries(embedded) },
  resolvers: { Conversation: { messages: relayPagination() }, Query: { conversations: relayPagination() } },
  updates: {
    Subscription: {
      // An edit changes the message wherever it is shown; only what is new has to be put into its list.
      events({ events: { edge } }, _args, cache) {
        if (!edge) return;
        cache.updateQuery({ query: LOG, variables: { id: edge.node.conversationId, last: 20 } }, (shown) => {
          const edges = shown?.conversation?.messages.edges;
          if (edges && !edges.some((it) => it.node.id === edge.node.id)) edges.push(edge);
          return shown;
        });
      },
    },
  },
});
const client = new Client({
  url: `${url}/graphql`,
  preferGetMethod: false,
  fetchOptions: () => ({ headers: authorization() }),
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

/** Puts what happens behind the cursor into the cache, through every cut. */
function follow(after) {
  const live = client.subscription(EVENTS, { after }).subscribe(({ data, error }) => {
    if (data?.events) after = data.events.cursor;
    if (!error) return;
    live?.unsubscribe();
    setTimeout(follow, 500, after);
  });
}

const START = gql`{ sync { cursor } conversations(first: 50) { edges { node { id name } } pageInfo { hasNextPage endCursor } } }`;
const { data, error } = await client.query(START, {});
if (error) throw error;
for (const { node } of data.conversations.edges) console.log(node.id, node.name);
const { id } = data.conversations.edges[0].node;

const printed = new Set();
client.query(LOG, { id, last: 20 }).subscribe(({ data }) => {
  for (const { node } of data?.conversation?.messages.edges ?? []) {
    if (!printed.has(node.id)) console.log(`${node.sender.name}: ${node.content}`);
    printed.add(node.id);
  }
});
follow(data.sync.cursor);

createInterface({ input: process.stdin }).on('line', (content) => client.mutation(SEND, { input: { conversationId: id, content } }).toPromise());
