// The audits of the npm library `graphql-http`: what the specification of GraphQL over HTTP asks of a server.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { auditServer, serverAudits } from 'graphql-http';
import { startServer } from '../server.mjs';

let server;
before(async () => {
  server = await startServer({ 'graphql.introspection': true });
});
after(() => server?.stop());

test('all audits are passed', async () => {
  const options = {
    url: `${server.origin}/graphql`,
    fetchFn: (url, init) => fetch(url, { ...init, headers: { ...init?.headers, Authorization: `Bearer ${server.tokens.Alice}` } }),
  };
  assert.equal(serverAudits(options).length, 61);
  const results = await auditServer(options);
  const failed = results.filter(({ status }) => status !== 'ok');
  assert.deepEqual(failed.map(({ id, name, status, reason }) => `${status} ${id} ${name}: ${reason}`), []);
});
