// What the binary carries is what the sources build.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stale } from '../build.mjs';

test('the bundle in the repository is what the sources build', async () => {
  assert.deepEqual(await stale(), [], 'run npm run build in web/');
});
