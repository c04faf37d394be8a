// A program whose types are generated of the schema: prints what it read, what it sent, and how a wrong id is answered.
import { GraphQLClient } from 'graphql-request-7';
import { type FragmentType, graphql, useFragment } from './gql/index.js';
import type { SendMessageInput } from './gql/graphql.js';

declare const process: { argv: string[] };

const Line = graphql(`
  fragment Line on Message { id content messageType createdAt metadata sender { id name } }
`);
const Log = graphql(`
  query Log($id: ID!, $last: Int) {
    conversation(id: $id) {
      name
      type
      unreadCount
      otherUser { name }
      messages(last: $last) { totalCount edges { cursor node { ...Line } } }
    }
    sync { cursor events { __typename ... on MessageEvent { message { ...Line } } ... on ReceiptEvent { receipt { userName } } } }
  }
`);
const Send = graphql(`
  mutation Send($input: SendMessageInput!) { sendMessage(input: $input) { ...Line } }
`);

const [origin, token] = process.argv.slice(2) as [string, string];
const client = new GraphQLClient(`${origin}/graphql`, { headers: { Authorization: `Bearer ${token}` } });

function line(of: FragmentType<typeof Line>): string {
  const { sender, content, messageType } = useFragment(Line, of);
  const text: string | null | undefined = content;
  return `${messageType} ${sender.name}: ${text ?? ''}`;
}

const { conversation, sync } = await client.request(Log, { id: '1', last: 2 });
const total: number | null | undefined = conversation?.messages.totalCount;
const lines = conversation?.messages.edges.map(({ node }) => line(node));
const cursor: string = sync.cursor;
console.log(JSON.stringify({ name: conversation?.name, type: conversation?.type, total, lines, cursor }));

const input: SendMessageInput = { conversationId: '1', content: 'Typed', messageType: 'TEXT', metadata: { typed: true } };
console.log(JSON.stringify(line((await client.request(Send, { input })).sendMessage)));
