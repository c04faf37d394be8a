// The libraries of the Standard Webhooks specification, from npm and PyPI, verify what the server sends.
// CONFAB_PYTHON names a Python that has the latter.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Webhook } from 'standardwebhooks';
import { startServer } from '../server.mjs';
import { within } from '../wait.mjs';

const run = promisify(execFile);
const script = fileURLToPath(new URL('verify.py', import.meta.url));
const SECRET = 'a secret for tests, longer than 32 bytes';

function administrator() {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: 1, name: 'Alice', roles: ['admin'], exp: Math.floor(Date.now() / 1000) + 600 };
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

let server, receiver, arrived;
before(async () => {
  server = await startServer({ 'auth.jwt_secret': SECRET, 'webhooks.allow_private_targets': true });
  const came = [];
  const waiting = [];
  receiver = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const hook = { headers: request.headers, body: Buffer.concat(chunks).toString() };
    response.writeHead(204).end();
    const next = waiting.shift();
    if (next) next(hook);
    else came.push(hook);
  });
  arrived = () => (came.length ? Promise.resolve(came.shift()) : new Promise((done) => waiting.push(done)));
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
});
after(async () => {
  await server?.stop();
  receiver?.closeAllConnections();
  receiver?.close();
});

async function graphql(query, variables) {
  const answer = await fetch(`${server.origin}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${administrator()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

const python = async (secret, hook) => {
  const input = JSON.stringify({ secret, ...hook });
  const { stdout } = await run(process.env.CONFAB_PYTHON || 'python3', [script, input], { timeout: 30_000 });
  return JSON.parse(stdout);
};

test('both libraries verify an event, and both secrets after a rotation', async () => {
  const { createWebhookEndpoint: made } = await graphql(
    'mutation($url: String!) { createWebhookEndpoint(input: { url: $url, events: ["chat_message.sent"] }) { id secret } }',
    { url: `http://127.0.0.1:${receiver.address().port}/hook` },
  );
  const say = (content) =>
    graphql('mutation($content: String!) { sendMessage(input: { conversationId: 1, content: $content }) { id } }', { content });

  await say('Signed 👍 "once"');
  const first = await within(15_000, arrived(), 'the webhook');
  const body = new Webhook(made.secret).verify(first.body, first.headers);
  assert.equal(body.type, 'chat_message.sent');
  assert.equal(body.data.content, 'Signed 👍 "once"');
  assert.deepEqual(await python(made.secret, first), body);

  const { rotateWebhookSecret: rotated } = await graphql(
    'mutation($id: ID!) { rotateWebhookSecret(endpointId: $id) { secret } }',
    { id: made.id },
  );
  await say('Signed twice');
  const second = await within(15_000, arrived(), 'the webhook');
  for (const secret of [made.secret, rotated.secret]) {
    assert.equal(new Webhook(secret).verify(second.body, second.headers).data.content, 'Signed twice');
    assert.equal((await python(secret, second)).data.content, 'Signed twice');
  }

  const other = new Webhook(`whsec_${Buffer.alloc(32, 7).toString('base64')}`);
  assert.throws(() => other.verify(second.body, second.headers));
  assert.throws(() => new Webhook(made.secret).verify(second.body.replace('twice', 'never'), second.headers));
  const old = { ...second.headers, 'webhook-timestamp': String(Number(second.headers['webhook-timestamp']) - 600) };
  assert.throws(() => new Webhook(made.secret).verify(second.body, old), /old/);
});
