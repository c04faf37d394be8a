// Builds what the binary carries: the pages with their scripts, styles and fonts, into dist/. With --check it only compares
// what it would build with what is there.
import { readFile, readdir, writeFile, mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('.', import.meta.url));
const at = (...path) => join(ROOT, ...path);
const FONTS = {
  'figtree.woff2': '@fontsource-variable/figtree/files/figtree-latin-wght-normal.woff2',
  'figtree-ext.woff2': '@fontsource-variable/figtree/files/figtree-latin-ext-wght-normal.woff2',
  'fraunces.woff2': '@fontsource-variable/fraunces/files/fraunces-latin-wght-normal.woff2',
};
const PAGES = ['landing.html', 'chat.html', 'docs.html'];
/** What stands in the bundle and is somebody else's. */
const LICENSED = [
  'preact',
  'graphql-ws',
  '@stomp/stompjs',
  '@fontsource-variable/figtree',
  '@fontsource-variable/fraunces',
];

/** Everything in dist/, by name. */
export async function bundle() {
  const files = new Map();
  const built = await build({
    absWorkingDir: ROOT,
    entryPoints: { chat: 'src/main.tsx', site: 'src/site/main.ts' },
    outdir: 'dist',
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    charset: 'utf8',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    alias: {
      '@confab/client/react': at('../clients/typescript/src/react.ts'),
      '@confab/client': at('../clients/typescript/src/index.ts'),
      'graphql-ws': at('node_modules/graphql-ws'),
      react: at('node_modules/preact/compat'),
    },
    external: ['*.woff2'],
    logLevel: 'warning',
  });
  for (const { path, contents } of built.outputFiles) files.set(path.slice(at('dist/').length), Buffer.from(contents));
  for (const [name, from] of Object.entries(FONTS)) files.set(name, await readFile(at('node_modules', from)));
  for (const name of PAGES) files.set(name, await readFile(at('pages', name)));
  files.set('icon.svg', await readFile(at('pages', 'icon.svg')));
  files.set('LICENSES.txt', Buffer.from(await licences()));
  return files;
}

async function licences() {
  const parts = [];
  for (const name of LICENSED) {
    const { version } = JSON.parse(await readFile(at('node_modules', name, 'package.json'), 'utf8'));
    const file = (await readdir(at('node_modules', name))).find((it) => /^licen[sc]e/i.test(it));
    parts.push(`${name} ${version}\n\n${(await readFile(at('node_modules', name, file), 'utf8')).trim()}\n`);
  }
  return parts.join(`\n${'-'.repeat(80)}\n\n`);
}

/** The names of files that are not in dist/ as they would be built. */
export async function stale() {
  const files = await bundle();
  const kept = await readdir(at('dist')).catch(() => []);
  const differs = async (name) => !files.get(name)?.equals(await readFile(at('dist', name)).catch(() => Buffer.alloc(0)));
  const names = [...new Set([...files.keys(), ...kept])];
  const judged = await Promise.all(names.map(async (name) => ((await differs(name)) ? [name] : [])));
  return judged.flat().sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--check')) {
    const old = await stale();
    if (old.length) throw new Error(`web/dist is not what web/src builds: ${old.join(', ')}. Run npm run build`);
  } else {
    const files = await bundle();
    await rm(at('dist'), { recursive: true, force: true });
    await mkdir(at('dist'));
    for (const [name, bytes] of files) await writeFile(at('dist', name), bytes);
    for (const [name, bytes] of files) console.log(`${String(bytes.length).padStart(8)}  ${name}`);
  }
}
