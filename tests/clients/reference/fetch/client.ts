// A client as OpenAPI Generator makes it for `fetch`.
import { Configuration, ConversationsApi, MessagesApi, ResponseError } from './generated/index.js';

declare const process: { argv: string[] };

const [basePath = '', accessToken = ''] = process.argv.slice(2);
const configuration = new Configuration({ basePath, accessToken });
const messages = new MessagesApi(configuration);

const listed = await messages.listMessages({ id: 1, limit: 5 });
const contents: (string | null)[] = listed.data.map((message) => message.content);
const sent = await messages.sendMessage({ id: 1, sendMessageRequest: { content: 'From a generator' } });
const refused = await new ConversationsApi(configuration).getConversation({ id: 999_999 }).catch((cause: unknown) => {
  if (cause instanceof ResponseError) return cause.response.json();
  throw cause;
});

console.log(JSON.stringify({ count: contents.length, hasMore: listed.page.hasMore, sent: sent.data.content, code: refused.code }));
