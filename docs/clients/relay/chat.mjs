// A chat with relay-runtime; with React, its hooks take the same environment and the same documents.
import { createInterface } from 'node:readline';
import { createClient } from 'graphql-ws';
import relay from 'relay-runtime';
import WebSocket from 'ws';
import eventsSubscription from './__generated__/documentsEventsSubscription.graphql.js';
import logQuery from './__generated__/documentsLogQuery.graphql.js';
import sendMutation from './__generated__/documentsSendMutation.graphql.js';
import startQuery from './__generated__/documentsStartQuery.graphql.js';

const { commitMutation, ConnectionHandler, createOperationDescriptor, Environment, fetchQuery } = relay;
const { Network, Observable, RecordSource, requestSubscription, Store } = relay;

const url = process.env.CONFAB_URL ?? 'http://localhost:1337';
const authorization = () => ({ Authorization: `Bearer ${process.env.CONFAB_TOKEN}` });

function stop(why) {
  console.error(why);
  process.exit(1);
}

async function ask({ text: query }, variables) {
  const headers = { ...authorization(), 'Content-Type': 'application/json' };
  return (await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })).json();
}
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
const listen = ({ text: query }, variables) => Observable.create((sink) => socket.subscribe({ query, variables }, sink));

const environment = new Environment({
  network: Network.create(ask, listen),
  store: new Store(new RecordSource()),
  // `id` is an id among things of one type; a user and a message may share it.
  getDataID: (record) => record.nodeId,
});

const { sync, conversations } = await fetchQuery(environment, startQuery, {}).toPromise();
for (const { id, name } of conversations.nodes) console.log(id, name);
const [{ id }] = conversations.nodes;

const log = createOperationDescriptor(logQuery, { id, last: 20 });
environment.retain(log);
await fetchQuery(environment, logQuery, log.request.variables).toPromise();
const printed = new Set();
function show({ data }) {
  for (const { node } of data.conversation.messages.edges) {
    if (!printed.has(node.nodeId)) console.log(`${node.sender.name}: ${node.content}`);
    printed.add(node.nodeId);
  }
}
const snapshot = environment.lookup(log.fragment);
show(snapshot);
environment.subscribe(snapshot, show);

/** Puts what happens behind the cursor into the store, through every cut. */
function follow(after) {
  const again = () => setTimeout(follow, 500, after);
  // In this recipe all that is heard goes into the one list that is shown; with several, ask for `conversationId`, too.
  const connections = [ConnectionHandler.getConnectionID(conversations.nodes[0].nodeId, 'documents_messages')];
  requestSubscription(environment, {
    subscription: eventsSubscription,
    variables: { after, connections },
    onNext: ({ events }) => (after = events.cursor),
    onError: again,
    onCompleted: again,
  });
}
follow(sync.cursor);

createInterface({ input: process.stdin }).on('line', (content) => {
  commitMutation(environment, { mutation: sendMutation, variables: { input: { conversationId: id, content } }, onError: console.error });
});
