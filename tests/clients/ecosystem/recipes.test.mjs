// The recipes of docs/clients, as they stand there: each lists, sends, hears, and goes on where it was after the server died.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Inbox } from '../wait.mjs';
import { schema, startServer } from './server.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const RECIPES = fileURLToPath(new URL('../../../docs/clients/', import.meta.url));
const relayCompiler = createRequire(import.meta.url).resolve('relay-compiler/cli.js');
const python = process.env.CONFAB_PYTHON || 'python3';
// Before 22, Node.js has a WebSocket only where it is asked for one.
const node = [process.execPath, ...(globalThis.WebSocket ? [] : ['--experimental-websocket'])];

/** What somebody types in the folder of a recipe. */
const PROGRAMS = {
  javascript: [...node, 'chat.mjs'],
  apollo: [process.execPath, 'chat.mjs'],
  urql: [process.execPath, 'chat.mjs'],
  relay: [process.execPath, 'chat.mjs'],
  stompjs: [process.execPath, 'chat.mjs'],
  spring: [process.execPath, 'chat.mjs'],
  curl: ['bash', 'chat.sh'],
  python: [python, 'chat.py'],
  'python, STOMP': [python, 'chat_stomp.py'],
};
/** What has to be done there before. */
const FIRST = {
  relay(folder) {
    writeFileSync(join(folder, 'schema.graphql'), schema());
    writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
    execFileSync(process.execPath, [relayCompiler], { cwd: folder, stdio: 'pipe' });
  },
};

// All of them run at once where their tokens end.
process.setMaxListeners(Object.keys(PROGRAMS).length + 10);

let server;
let scratch;
before(async () => {
  mkdirSync(join(here, '.scratch'), { recursive: true });
  scratch = mkdtempSync(join(here, '.scratch/recipes-'));
  // Copied to where the packages are, as somebody copies a recipe into a project.
  cpSync(RECIPES, scratch, { recursive: true });
  for (const [folder, prepare] of Object.entries(FIRST)) prepare(join(scratch, folder));
  server = await startServer();
});
after(async () => {
  rmSync(scratch, { recursive: true, force: true });
  await server?.remove();
});

/** The running program; `lines` has what it prints. */
function start(t, [command, ...args], cwd, token = server.token('Bob'), origin = server.origin) {
  const env = { ...process.env, CONFAB_URL: origin, CONFAB_TOKEN: token };
  // A group of its own, so that what a shell has started ends with it.
  const child = spawn(command, args, { cwd, env, stdio: 'pipe', detached: true });
  const end = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  };
  process.once('exit', end);
  t.after(() => {
    process.off('exit', end);
    end();
  });
  const lines = new Inbox('lines');
  createInterface({ input: child.stdout }).on('line', (line) => lines.put(line));
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (complaints += text));
  child.once('close', (code, signal) => lines.put(`It ended with ${code ?? signal}: ${complaints}`));
  const prints = async (line) => {
    const came = await lines.take(line, (it) => it === line || it.startsWith('It ended'), 20_000).catch((error) => {
      throw new Error(`${error.message}. It complained: ${complaints}`);
    });
    assert.equal(came, line);
  };
  return { child, lines, prints };
}

for (const [name, program] of Object.entries(PROGRAMS)) {
  test(`the recipe ${name}: lists, sends, hears, and misses nothing while the server is killed`, async (t) => {
    const [folder] = name.split(',');
    const { child, lines, prints } = start(t, program, join(scratch, folder));
    await prints('1 Project Team');
    await server.send('Alice', 1, `${name} is listening`);
    await prints(`Alice: ${name} is listening`);
    child.stdin.write(`${name} says "hello" 👍🏽\n`);
    await prints(`Bob: ${name} says "hello" 👍🏽`);

    await server.kill();
    await server.start();
    for (const n of [1, 2, 3]) await server.send('Alice', 1, `${name} was away ${n}`);
    for (const n of [1, 2, 3]) await prints(`Alice: ${name} was away ${n}`);
    child.stdin.write(`${name} is back\n`);
    await prints(`Bob: ${name} is back`);
    // Each came once: what is left was there before, or belongs to nobody.
    assert.deepEqual(lines.rest().filter((it) => it.includes(`: ${name} `)), []);
  });
}

test('every recipe ends where its token is refused, and says why', async (t) => {
  const ends = Object.entries(PROGRAMS).map(async ([name, program]) => {
    const { lines } = start(t, program, join(scratch, name.split(',')[0]), 'not-a-token');
    const end = await lines.take(`the end of ${name}`, (it) => it.startsWith('It ended'), 30_000);
    assert.match(end, /^It ended with [1-9][^]*(token|UNAUTHENTICATED|401)/i, name);
  });
  await Promise.all(ends);
});

/** A token of Bob's that the server takes for so many seconds more, 30 s of leeway included. */
function shortToken(secret, seconds) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: 2, name: 'Bob', exp: Math.floor(Date.now() / 1000) + seconds - 30 };
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

test('every recipe ends where its token ends while it runs, and says why', async (t) => {
  const secret = 'a secret for tests, longer than 32 bytes';
  const other = await startServer({ 'auth.jwt_secret': secret });
  t.after(() => other.remove());
  const ends = Object.entries(PROGRAMS).map(async ([name, program]) => {
    const token = shortToken(secret, 15);
    const { lines, prints } = start(t, program, join(scratch, name.split(',')[0]), token, other.origin);
    await prints('1 Project Team');
    const end = await lines.take(`the end of ${name}`, (it) => it.startsWith('It ended'), 40_000);
    assert.match(end, /^It ended with [1-9][^]*(token|UNAUTHENTICATED|401)/i, name);
  });
  await Promise.all(ends);
});

test('every recipe is tried', () => {
  const folders = readdirSync(RECIPES, { withFileTypes: true }).filter((it) => it.isDirectory());
  // That of React is a page: react.test.mjs.
  const tried = new Set(['react', ...Object.keys(PROGRAMS).map((it) => it.split(',')[0])]);
  for (const { name } of folders) {
    assert.ok(existsSync(join(RECIPES, name, 'README.md')), `${name} is explained`);
    assert.ok(tried.has(name), `${name} is run`);
  }
});
