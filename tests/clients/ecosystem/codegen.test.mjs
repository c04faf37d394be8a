// graphql-codegen's client preset: what it makes of the schema compiles strictly, and a program with these types runs.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import { buildASTSchema, parse } from 'graphql';
import { schema, startServer, storedTexts } from './server.mjs';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const program = readFileSync(join(here, 'codegen/chat.ts'), 'utf8');

let server;
let folder;
before(async () => {
  mkdirSync(join(here, '.scratch'), { recursive: true });
  folder = mkdtempSync(join(here, '.scratch/codegen-'));
  writeFileSync(join(folder, 'chat.ts'), program);
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
  await generate();
  server = await startServer();
});
after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server?.remove();
});

/** What `graphql-codegen` does for `preset: 'client'`. */
async function generate() {
  const documents = [...program.matchAll(/graphql\(`([^`]*)`\)/g)].map(([, rawSDL]) => ({ location: 'chat.ts', rawSDL, document: parse(rawSDL) }));
  const ast = parse(schema());
  const sections = await preset.buildGeneratesSection({
    baseOutputDir: `${folder}/gql/`,
    schema: ast,
    schemaAst: buildASTSchema(ast),
    documents,
    config: { importExtension: '.js', scalars: { DateTime: 'string', JSON: 'unknown' }, strictScalars: true },
    presetConfig: {},
    plugins: [],
    pluginMap: {},
  });
  mkdirSync(join(folder, 'gql'));
  for (const section of sections) writeFileSync(section.filename, await codegen(section));
}

/** What the compiler has against the program; nothing where all is well. */
async function compile(file) {
  const compilerOptions = { strict: true, noUncheckedIndexedAccess: true, target: 'es2022', module: 'nodenext', lib: ['es2022', 'dom'], types: [] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
  return run(process.execPath, [tsc], { cwd: folder }).then(
    () => '',
    (error) => error.stdout || error.message,
  );
}

test('graphql-codegen: the types compile strictly, and the program with them runs', async () => {
  assert.equal(await compile('chat.ts'), '');
  const token = server.token('Bob');
  const { stdout } = await run(process.execPath, [join(folder, 'chat.js'), server.origin, token]);
  const [read, sent] = stdout.trim().split('\n').map((it) => JSON.parse(it));
  const stored = await storedTexts(server, 1);
  assert.equal(read.name, 'Project Team');
  assert.equal(read.type, 'GROUP');
  assert.equal(read.total, stored.length - 1);
  assert.deepEqual(read.lines.map((it) => it.replace(/^TEXT \w+: /, '')), stored.slice(-3, -1));
  assert.ok(read.cursor);
  assert.equal(sent, 'TEXT Bob: Typed');
});

test('graphql-codegen: what the schema does not have does not compile', async () => {
  const wrong = program
    .replace('{ sender, content, messageType }', '{ sender, content, messageType, nothing }')
    .replace("id: '1', last: 2", "id: '1', last: 'two'");
  writeFileSync(join(folder, 'wrong.ts'), wrong);
  const said = await compile('wrong.ts');
  assert.match(said, /'nothing' does not exist/);
  assert.match(said, /'string' is not assignable to type 'number'/);
});
