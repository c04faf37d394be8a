// The built server with its demo data, on a port that it keeps: it can be killed, stopped and started again.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { within } from './wait.mjs';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
export const PEOPLE = { Alice: 1, Bob: 2, Carol: 3, Dave: 4 };

/** The server that is tried. */
export function binary() {
  const target = process.env.CARGO_TARGET_DIR ? resolve(ROOT, process.env.CARGO_TARGET_DIR) : join(ROOT, 'target');
  const path = process.env.CONFAB_BIN || join(target, 'debug', 'confab');
  if (!existsSync(path)) throw new Error(`There is no server at ${path}: run cargo build, or name another in CONFAB_BIN`);
  return path;
}

/** The settings of the developer's own server, which would otherwise hold for this one too, are left out. */
const environment = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^CONFAB_/.test(name)));

/** A port that is free now. */
export function freePort() {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

/** `settings` are those of `--set`, by name. */
export async function startServer(settings = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'confab-client-'));
  const port = await freePort();
  const server = new Server(folder, port, settings);
  await server.start();
  return server;
}

class Server {
  #child;
  #ended;
  output = '';

  constructor(folder, port, settings) {
    this.folder = folder;
    this.port = port;
    this.origin = `http://127.0.0.1:${port}`;
    const limits = { 'limits.messages_per_minute': 0, 'limits.reactions_per_minute': 0, 'limits.creations_per_minute': 0 };
    const set = { 'server.bind': `127.0.0.1:${port}`, 'server.data_dir': folder, ...limits, ...settings };
    this.args = Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  }

  get database() {
    return join(this.folder, 'confab.db');
  }

  async start() {
    const child = spawn(binary(), ['serve', '--demo', ...this.args], { cwd: this.folder, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
    const killed = () => child.kill('SIGKILL');
    process.once('exit', killed);
    this.#child = child;
    this.#ended = new Promise((done) => {
      child.once('exit', (code, signal) => {
        process.off('exit', killed);
        done(signal ?? code);
      });
      child.once('error', (error) => done(error.message));
    });
    const keep = (text) => (this.output += text);
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    const early = this.#ended.then((how) => {
      throw new Error(`The server ended with ${how}. It said:\n${this.output}`);
    });
    early.catch(() => {});
    await within(30_000, Promise.race([this.#ready(), early]), 'the server');
  }

  async #ready() {
    for (;;) {
      const status = await fetch(`${this.origin}/health/ready`).then((it) => it.status, () => 0);
      if (status === 200) return;
      await pause(30);
    }
  }

  /** As a power cut would. */
  async kill() {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** As an operator does. */
  async stop() {
    this.#child.kill('SIGTERM');
    await within(15_000, this.#ended, 'the end of the server').catch(() => this.kill());
  }

  async remove() {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  token(name, ttl = '1h') {
    const args = ['token', '--user', String(PEOPLE[name] ?? name), '--name', String(name), '--ttl', ttl, '--set', `server.data_dir=${this.folder}`];
    return execFileSync(binary(), args, { cwd: this.folder, env: environment(), encoding: 'utf8' }).trim();
  }

  /** A request of the REST interface; the whole answer. */
  async answer(name, method, path, body) {
    this.tokens ??= {};
    const token = (this.tokens[name] ??= this.token(name));
    const headers = { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) };
    const answer = await fetch(`${this.origin}${path}`, { method, headers, body: body && JSON.stringify(body) });
    return answer.json();
  }

  /** A request that succeeds; its data. */
  async rest(name, method, path, body) {
    const answer = await this.answer(name, method, path, body);
    if (!answer.success) throw new Error(`${method} ${path} was answered with ${JSON.stringify(answer)}`);
    return answer.data;
  }

  send(name, conversationId, content, more = {}) {
    return this.rest(name, 'POST', `/api/chat/conversations/${conversationId}/messages`, { content, ...more });
  }

  /** All messages of a conversation that the server has, oldest first. */
  async stored(name, conversationId) {
    const all = [];
    for (let after = 0; ; after = all.at(-1).id) {
      const page = await this.rest(name, 'GET', `/api/chat/conversations/${conversationId}/messages?after=${after}&limit=100`);
      all.push(...page);
      if (page.length < 100) return all;
    }
  }
}
