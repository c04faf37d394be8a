// A limit of the server is waited for. By itself, since that takes the minute for which the server counts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, online, transport, watched } from './support/clients.mjs';
import { startServer } from './support/server.mjs';
import { within } from './support/wait.mjs';

test('a rate limit is waited for', async (t) => {
  const limited = await startServer({ 'limits.messages_per_minute': 20 });
  t.after(() => limited.remove());
  const answers = [];
  const eye = client(t, limited, 'Alice', { transport: watched(transport(), 'send', (it) => answers.push(it.tempId)) });
  await online(eye);
  const sent = Array.from({ length: 24 }, (_, n) => eye.send({ conversationId: '1', content: `${n}` }).sent);
  await within(90_000, Promise.all(sent), 'all of them to be sent');
  assert.ok(answers.length > 24, 'some were refused at first');
  const stored = (await limited.stored('Bob', 1)).slice(8).map((it) => it.content);
  assert.deepEqual(stored, Array.from({ length: 24 }, (_, n) => `${n}`));
});
