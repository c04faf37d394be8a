// A client as openapi-typescript and openapi-fetch make it: what it may ask, and what it gets, is checked by the compiler.
import createClient from 'openapi-fetch';
import type { components, paths } from './confab.js';

declare const process: { argv: string[] };

const [origin, token] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: origin ?? '', headers: { Authorization: `Bearer ${token}` } });

const { data, error } = await client.GET('/api/chat/conversations/{id}/messages', {
  params: { path: { id: 1 }, query: { limit: 5 } },
});
if (error) throw new Error(`${error.code}: ${error.error}`);
const contents: (string | null)[] = data.data.map((message) => message.content);
const hasMore: boolean = data.page.hasMore;

const sent = await client.POST('/api/chat/conversations/{id}/messages', {
  params: { path: { id: 1 } },
  body: { content: 'From TypeScript', messageType: 'TEXT' },
});
const message: components['schemas']['ChatMessageResponse'] | undefined = sent.data?.data;

const refused = await client.GET('/api/chat/conversations/{id}', { params: { path: { id: 999_999 } } });
const code: components['schemas']['Failure']['code'] | undefined = refused.error?.code;

console.log(JSON.stringify({ count: contents.length, hasMore, sent: message?.content, code }));
