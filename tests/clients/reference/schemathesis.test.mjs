// Schemathesis reads the reference of REST and tries what it says: examples, the edges of every schema, anything that fits, anything
// that does not, and sequences of calls. The server has to keep to each answer, header and schema that it describes.
// CONFAB_PYTHON names a Python that has the packages of requirements.txt.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startServer } from '../server.mjs';

const CONFIG = fileURLToPath(new URL('schemathesis.toml', import.meta.url));
const NO_LIMITS = ['messages', 'uploads', 'reactions', 'creations', 'searches'].map((it) => [`limits.${it}_per_minute`, 0]);

let server;
let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'confab-schemathesis-'));
  server = await startServer(Object.fromEntries(NO_LIMITS));
});
after(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Runs it, and resolves with its exit code and all that it said. */
function schemathesis(...args) {
  const program = process.env.CONFAB_PYTHON || 'python3';
  const child = spawn(program, ['-m', 'schemathesis.cli', ...args], { cwd: folder });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => done({ code, said }));
  });
}

/** Seconds for requests by themselves, and for sequences of them. */
for (const [phases, seconds] of [['examples,coverage,fuzzing', 25], ['stateful', 15]]) {
  test(`schemathesis finds nothing: ${phases}`, { timeout: 180_000 }, async () => {
    const { code, said } = await schemathesis(
      '--config-file', CONFIG, '--no-color', 'run', `${server.origin}/api/openapi.json`,
      '--header', `Authorization: Bearer ${server.tokens.Alice}`,
      '--phases', phases, '--max-examples', '20', '--max-time', `${seconds}`, '--seed', '1', '--warnings', 'off',
    );
    assert.equal(code, 0, said);
    assert.match(said, /No issues found/, said);
    for (const phase of phases.split(',')) assert.match(said, new RegExp(`✅ ${phase}`, 'i'), said);
  });
}
