// What the package weighs and promises to those who install it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { compareIds, connect, ConfabError, graphql, isAfter, marks } from '../dist/index.js';

const folder = fileURLToPath(new URL('..', import.meta.url));
const MAX_BYTES = 15 * 1024;

async function weigh(from) {
  const { outputFiles } = await build({
    stdin: { contents: `export * from '${from}'`, resolveDir: folder },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    external: ['react'],
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

test('all of it weighs 15 KiB at most, minified and compressed', async (t) => {
  const bytes = await weigh('./dist/index.js');
  t.diagnostic(`${bytes} bytes, and ${await weigh('./dist/react.js')} of hooks`);
  assert.ok(bytes <= MAX_BYTES, `${bytes} bytes`);
});

test('it depends on nothing', () => {
  const { dependencies, peerDependenciesMeta } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  assert.equal(dependencies, undefined);
  assert.ok(peerDependenciesMeta.react.optional);
});

test('ids are compared as numbers, cursors by their place', () => {
  assert.deepEqual(['10', '9', '100', '2'].sort(compareIds), ['2', '9', '10', '100']);
  assert.ok(isAfter('a.10', 'a.9') && !isAfter('a.9', 'a.10') && !isAfter('a.9', 'a.9') && isAfter('b.1', 'a.9'));
});

test('a snippet is text, whatever stands in it', () => {
  assert.deepEqual(marks('a &lt;b&gt; <mark>&amp;c&#39;</mark> d'), [
    { text: 'a <b> ', isMatch: false },
    { text: "&c'", isMatch: true },
    { text: ' d', isMatch: false },
  ]);
  assert.deepEqual(marks(''), []);
});

test('a listener that fails keeps nobody else from hearing, and is not passed over in silence', () => {
  const script = `
    import { Cell } from './dist/index.js';
    process.on('uncaughtException', (error) => console.log(error.message));
    const cell = new Cell(1);
    cell.subscribe(() => { throw new Error('failed'); });
    const end = cell.subscribe(() => console.log(cell.get()));
    cell.set(2);
    cell.set(2);
    end();
  `;
  const said = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder, encoding: 'utf8' });
  assert.deepEqual(said.trim().split('\n'), ['2', 'failed']);
});

test('what is missing is said at once', { skip: globalThis.WebSocket !== undefined }, () => {
  const refused = (error) => error instanceof ConfabError && error.code === 'BAD_REQUEST';
  assert.throws(() => graphql(), refused);
  assert.throws(() => connect({ getToken: () => '', transport: { name: 'none', open: async () => {} } }), refused);
});
