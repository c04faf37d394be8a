// The Python client `stomp.py` over plain WebSocket. CONFAB_PYTHON names a Python that has it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startServer } from '../server.mjs';

const run = promisify(execFile);
const script = fileURLToPath(new URL('stomp_py.py', import.meta.url));

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.stop());

for (const path of ['/ws/chat', '/ws/chat/websocket']) {
  test(`connects, subscribes, sends with a receipt, hears and disconnects over ${path}`, async () => {
    const python = process.env.CONFAB_PYTHON || 'python3';
    const { stdout } = await run(python, [script, new URL(server.origin).port, path, server.tokens.Bob], { timeout: 60_000 });
    const came = stdout.trim().split('\n').map((line) => JSON.parse(line));
    const message = came.find((it) => it.message)?.message;
    assert.equal(message?.content, 'From Python 👍');
    assert.equal(message.senderName, 'Bob');
    assert.deepEqual(
      came.filter((it) => it.receipt).map((it) => it.receipt),
      ['subscribed', 'sent', 'bye'],
    );
  });
}
