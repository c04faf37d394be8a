// A chat with Apollo Client 4: the conversation of its cache is what is shown, the subscription keeps the cache in step.
import { createInterface } from 'node:readline';
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { getMainDefinition, relayStylePagination } from '@apollo/client/utilities';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

globalThis.WebSocket ??= WebSocket; // Node.js before 22 has none of its own

const url = process.env.CONFAB_URL ?? 'http://localhost:1337';
const authorization = () => ({ Authorization: `Bearer ${process.env.CONFAB_TOKEN}` });

function stop(why) {
  console.error(why);
  process.exit(1);
}

const socket = createClient({
  url: `${url.replace('http', 'ws')}/graphql`,
  connectionParams: authorization,
  // `follow` connects again, with the newest cursor; the socket would repeat the first.
  retryAttempts: 0,
  // Neither gets better by trying again: get another token, or read all anew.
  on: {
    closed: ({ code }) => code === 4403 && stop('The token was refused'),
    message: ({ type, payload }) => type === 'error' && payload[0].extensions?.code === 'CURSOR_EXPIRED' && stop('The log is shorter'),
  },
});
const isLive = ({ query }) => getMainDefinition(query).operation === 'subscription';
const client = new ApolloClient({
  link: ApolloLink.split(isLive, new GraphQLWsLink(socket), new HttpLink({ uri: `${url}/graphql`, headers: authorization() })),
  cache: new InMemoryCache({
    typePolicies: {
      Query: { fields: { conversations: relayStylePagination(['archived', 'pinned', 'search']) } },
      Conversation: { fields: { messages: relayStylePagination() } },
    },
  }),
});

const START = gql`{ sync { cursor } conversations(first: 50) { edges { cursor node { id name } } pageInfo { hasNextPage endCursor } } }`;
const LOG = gql`
  query Log($id: ID!, $last: Int, $before: String) {
    conversation(id: $id) {
      id
      messages(last: $last, before: $before) {
        edges { cursor node { id content conversationId sender { id name } } }
        pageInfo { hasPreviousPage startCursor }
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

/** Puts what happens behind the cursor into the cache, through every cut. */
function follow(after) {
  const again = () => setTimeout(follow, 500, after);
  client.subscribe({ query: EVENTS, variables: { after } }).subscribe({
    next({ data, error }) {
      if (error) return again();
      after = data.events.cursor;
      if (data.events.edge) keep(data.events.edge);
    },
    error: again,
    complete: again,
  });
}

/** An edit changes the message wherever it is shown; only what is new has to be put into its list. */
function keep(edge) {
  client.cache.updateQuery({ query: LOG, variables: { id: edge.node.conversationId, last: 20 } }, (shown) => {
    const messages = shown?.conversation?.messages;
    if (!messages || messages.edges.some((it) => it.node.id === edge.node.id)) return;
    return { ...shown, conversation: { ...shown.conversation, messages: { ...messages, edges: [...messages.edges, edge] } } };
  });
}

const { data } = await client.query({ query: START });
for (const { node } of data.conversations.edges) console.log(node.id, node.name);
const id = process.env.CONFAB_CONVERSATION ?? '1';

const printed = new Set();
// There has to be a list before something can be put into it; the cursor is older than the list.
await client.query({ query: LOG, variables: { id, last: 20 } });
client.watchQuery({ query: LOG, variables: { id, last: 20 } }).subscribe(({ data, dataState }) => {
  if (dataState !== 'complete') return;
  for (const { node } of data.conversation.messages.edges) {
    if (!printed.has(node.id)) console.log(`${node.sender.name}: ${node.content}`);
    printed.add(node.id);
  }
});
follow(data.sync.cursor);

createInterface({ input: process.stdin }).on('line', (content) => {
  client.mutate({ mutation: SEND, variables: { input: { conversationId: id, content } } });
});
