// The Python client `gql` over each of its transports. CONFAB_PYTHON names a Python that has it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildSchema } from 'graphql';
import { startServer } from '../server.mjs';
import { wrongTokens } from '../tokens.mjs';

const run = promisify(execFile);
const script = fileURLToPath(new URL('gql_py.py', import.meta.url));
const schema = buildSchema(readFileSync(new URL('../../../schema.graphql', import.meta.url), 'utf8'));
const TYPES = Object.keys(schema.getTypeMap()).filter((it) => !it.startsWith('__'));
const SOCKETS = ['websockets', 'websockets graphql-transport-ws', 'websockets graphql-ws', 'aiohttp websockets'];

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.stop());

for (const transport of [...SOCKETS, 'aiohttp', 'httpx']) {
  test(`reads the schema, asks, changes and hears over ${transport}`, async () => {
    const python = process.env.CONFAB_PYTHON || 'python3';
    const [wrong] = Object.values(wrongTokens(server.tokens.Bob)).filter(Boolean);
    const { stdout } = await run(python, [script, server.origin, server.tokens.Bob, wrong, transport], { timeout: 60_000 });
    const came = Object.assign({}, ...stdout.trim().split('\n').map((line) => JSON.parse(line)));

    assert.deepEqual(TYPES.filter((it) => !came.types.includes(it)), []);
    assert.equal(came.conversation.conversation.messages.nodes.length, 1);
    assert.deepEqual(came.me, { me: { id: '2', name: 'Bob' } });
    const content = `From gql over ${transport}`;
    const { id } = came.sent.sendMessage;
    assert.deepEqual(came.sent, { sendMessage: { id, content, messageType: 'TEXT' } });
    if (SOCKETS.includes(transport)) {
      assert.deepEqual(came.heard, { messages: { id, content, sender: { name: 'Bob' } } });
    } else {
      assert.deepEqual(came.batch, [{ user: { name: 'Bob' } }, came.conversation]);
    }
    assert.deepEqual([came.missing, came.data], ['NOT_FOUND', { conversation: null }]);
    assert.ok(came.refused, 'a wrong token is refused');
  });
}
