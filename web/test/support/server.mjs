// The built server as a process, with a folder of its own: started, killed, started again on the same port.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const START_TIMEOUT = 60_000;

function binary() {
  const target = process.env.CARGO_TARGET_DIR ? resolve(ROOT, process.env.CARGO_TARGET_DIR) : join(ROOT, 'target');
  const path = process.env.CONFAB_BIN || join(target, 'debug', 'confab');
  if (!existsSync(path)) throw new Error(`There is no server at ${path}: run cargo build, or name another in CONFAB_BIN`);
  return path;
}

function freePort() {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

/** The settings of the developer's own server, which would otherwise hold for this one too, are left out. */
const environment = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^CONFAB_/.test(name)));

const LIMITS = ['messages', 'uploads', 'reactions', 'creations', 'searches'].map((it) => [`limits.${it}_per_minute`, 0]);

/** `demo`: with its people and what they said. `settings` are those of `--set`, by name. */
export async function startServer({ demo = true, settings = {} } = {}) {
  const [folder, port] = [await mkdtemp(join(tmpdir(), 'confab-web-')), await freePort()];
  const origin = `http://127.0.0.1:${port}`;
  const set = { 'server.bind': `127.0.0.1:${port}`, 'server.data_dir': folder, ...Object.fromEntries(LIMITS), ...settings };
  const sets = Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  let output = '';
  let child;
  let ended;

  async function start() {
    const args = demo ? ['serve', '--demo', ...sets] : ['serve', ...sets];
    child = spawn(binary(), args, { cwd: folder, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
    ended = new Promise((done) => child.once('exit', done));
    const until = Date.now() + START_TIMEOUT;
    for (;;) {
      const answer = await fetch(`${origin}/health/ready`).catch(() => null);
      if (answer?.ok) return;
      if (Date.now() > until || child.exitCode !== null) throw new Error(`The server does not start. It said:\n${output}`);
      await pause(50);
    }
  }

  const killed = () => child.kill('SIGKILL');
  process.once('exit', killed);
  await start();

  /** As the program prints it. */
  async function token(user, name, ttl = '1h') {
    const made = spawn(binary(), ['token', '--user', user, '--name', name, '--ttl', ttl, ...sets], { cwd: folder, env: environment() });
    let text = '';
    for await (const piece of made.stdout) text += piece;
    return text.trim();
  }

  /** Asks REST as somebody. */
  async function rest(bearer, method, path, body) {
    const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
    const answer = await fetch(`${origin}/api/chat${path}`, { method, headers, body: body && JSON.stringify(body) });
    const said = await answer.json();
    if (!said.success) throw new Error(`${method} ${path}: ${said.error}`);
    return said.data;
  }

  return {
    origin,
    token,
    rest,
    start,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        const late = setTimeout(killed, 15_000);
        await ended;
        clearTimeout(late);
      }
      process.off('exit', killed);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
