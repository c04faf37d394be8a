// Starts the built server with its demo data in a folder of its own, and ends it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { within } from './wait.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PEOPLE = ['Alice', 'Bob', 'Carol'];

function binary() {
  const target = process.env.CARGO_TARGET_DIR ? resolve(ROOT, process.env.CARGO_TARGET_DIR) : join(ROOT, 'target');
  const path = process.env.CONFAB_BIN || join(target, 'debug', 'confab');
  if (!existsSync(path)) throw new Error(`There is no server at ${path}: run cargo build, or name another in CONFAB_BIN`);
  return path;
}

/** The settings of the developer's own server, which would otherwise hold for this one too, are left out. */
const environment = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^CONFAB_/.test(name)));

/**
 * `settings` are those of `--set`, by name. Resolves once the server is ready, with
 * `origin` (`http://127.0.0.1:…`), `tokens` by a person's name, and `stop()`.
 */
export async function startServer(settings = {}) {
  const program = binary();
  const folder = await mkdtemp(join(tmpdir(), 'confab-clients-'));
  const set = { 'server.bind': '127.0.0.1:0', 'server.data_dir': folder, 'limits.messages_per_minute': 0, ...settings };
  const args = ['serve', '--demo', ...Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`])];
  const child = spawn(program, args, { cwd: folder, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });

  const killed = () => child.kill('SIGKILL');
  process.once('exit', killed);
  const ended = new Promise((done) => {
    child.once('exit', (code, signal) => done(`it ended with ${signal ?? code}`));
    child.once('error', (error) => done(`it did not start: ${error.message}`));
  });

  async function stop() {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      child.kill('SIGTERM');
      await within(15_000, ended, 'the end of the server').catch(killed);
      await ended;
    }
    process.off('exit', killed);
    await rm(folder, { recursive: true, force: true });
  }

  let output = '';
  const tokens = {};
  const announced = new Promise((done) => {
    let origin;
    let line = '';
    const read = (text) => {
      output += text;
      line += text;
      const lines = line.split('\n');
      line = lines.pop();
      for (const it of lines) {
        origin ??= /\bhttps?:\/\/127\.0\.0\.1:\d+/.exec(it)?.[0];
        const [, name, token] = /^\W*(\w+)\b.*?\b(eyJ[\w-]+\.[\w-]+\.[\w-]+)/.exec(it) ?? [];
        if (name) tokens[name] = token;
      }
      if (origin && PEOPLE.every((name) => tokens[name])) done(origin);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', (text) => (output += text));
  });

  const early = ended.then((how) => {
    throw new Error(how);
  });
  early.catch(() => {});

  try {
    const origin = await within(30_000, Promise.race([announced, early]), 'its address and the tokens');
    await within(30_000, Promise.race([ready(origin), early]), 'its being ready');
    return { origin, tokens, stop, output: () => output };
  } catch (error) {
    await stop();
    throw new Error(`The server: ${error.message}. It said:\n${output}`);
  }
}

async function ready(origin) {
  for (;;) {
    const status = await fetch(`${origin}/health/ready`).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
    await pause(50);
  }
}
