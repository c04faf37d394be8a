// Clients that generators make of the reference of REST: each compiles, lists messages, sends one and understands a refusal.
// CONFAB_PYTHON names a Python that has the packages of requirements.txt.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startServer } from '../server.mjs';

const execute = promisify(execFile);
const HERE = fileURLToPath(new URL('.', import.meta.url));
const MODULES = fileURLToPath(new URL('../node_modules', import.meta.url));
const PYTHON = process.env.CONFAB_PYTHON || 'python3';
/** A program of the same environment as that Python. */
const beside = (name) => (PYTHON.includes('/') ? join(dirname(PYTHON), name) : name);

let server;
let folder;
before(async () => {
  server = await startServer();
});
after(() => server?.stop());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'confab-generated-'));
  await symlink(MODULES, join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{"type": "module"}');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function run(program, args) {
  const { stdout } = await execute(program, args, { cwd: folder, timeout: 240_000, env: { ...process.env, ...TOOLS } }).catch((error) => {
    throw new Error(`${program} ${args.join(' ')}: ${error.message}\n${error.stdout}`);
  });
  return stdout;
}
/** What generators format with stands beside them. */
const TOOLS = PYTHON.includes('/') ? { PATH: `${dirname(PYTHON)}:${process.env.PATH}` } : {};

const node = (...args) => run(process.execPath, args);
const tool = (path, ...args) => node(join(MODULES, path), ...args);
const address = () => `${server.origin}/api/openapi.json`;

function assertTalked(output, sent) {
  const said = JSON.parse(output.trim().split('\n').at(-1));
  assert.deepEqual(said, { count: 5, hasMore: true, sent, code: 'NOT_FOUND' });
}

test('openapi-typescript and openapi-fetch, in strict TypeScript', async () => {
  await cp(join(HERE, 'typescript'), folder, { recursive: true });
  await tool('openapi-typescript/bin/cli.js', address(), '--output', 'confab.d.ts');
  await tool('typescript/bin/tsc', '--project', '.');
  assertTalked(await node('client.js', server.origin, server.tokens.Alice), 'From TypeScript');
});

test('openapi-python-client', async () => {
  await run(beside('openapi-python-client'), ['generate', '--url', address(), '--meta', 'none', '--output-path', 'confab_client', '--fail-on-warning']);
  assertTalked(await run(PYTHON, [join(HERE, 'client.py'), folder, server.origin, server.tokens.Alice]), 'From Python');
});

test('OpenAPI Generator, for fetch', async () => {
  // Of OpenAPI 3.1 it takes the type null for a model.
  const options = ['--generator-name', 'typescript-fetch', '--type-mappings', 'null=any', '--additional-properties', 'importFileExtension=.js'];
  await run(beside('openapi-generator-cli'), ['generate', '--input-spec', address(), '--output', 'generated', ...options]);
  await cp(join(HERE, 'fetch'), folder, { recursive: true });
  await tool('typescript/bin/tsc', '--project', '.');
  assertTalked(await node('client.js', server.origin, server.tokens.Alice), 'From a generator');
});
