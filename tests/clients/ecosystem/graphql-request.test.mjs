// The npm client `graphql-request`, versions 3 to 7: queries, variables, changes, errors, batches.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer } from './server.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => server?.remove());

for (const version of [3, 4, 5, 6, 7]) {
  test(`graphql-request ${version}: asks with variables, changes something, is told what is wrong`, async () => {
    const { GraphQLClient, gql } = await import(`graphql-request-${version}`).then((it) => (it.GraphQLClient ? it : it.default));
    const headers = { Authorization: `Bearer ${server.token('Bob')}` };
    const client = new GraphQLClient(`${server.origin}/graphql`, { headers });

    const query = gql`query ($id: ID!) { me { name } conversation(id: $id) { name } }`;
    assert.deepEqual(await client.request(query, { id: 1 }), { me: { name: 'Bob' }, conversation: { name: 'Project Team' } });
    const content = `By version ${version} 👍🏽`;
    const send = gql`mutation ($input: SendMessageInput!) { sendMessage(input: $input) { content metadata } }`;
    const sent = await client.request(send, { input: { conversationId: '1', content, metadata: { version } } });
    assert.deepEqual(sent, { sendMessage: { content, metadata: { version } } });

    await assert.rejects(client.request(query, { id: '999999' }), ({ response }) => {
      assert.equal(response.status, 200);
      assert.equal(response.errors[0].extensions.code, 'NOT_FOUND');
      return assert.deepEqual(response.data, { me: { name: 'Bob' }, conversation: null }) ?? true;
    });
    await assert.rejects(client.request(gql`{ nonsense }`), ({ response }) => /nonsense/.test(response.errors[0].message));
    // Before version 4 it rejects whatever has an error.
    if (version > 3) {
      const partial = new GraphQLClient(`${server.origin}/graphql`, { headers, errorPolicy: 'all' });
      const { data, errors } = await partial.rawRequest(query, { id: '999999' });
      assert.deepEqual([data.me.name, errors[0].extensions.code], ['Bob', 'NOT_FOUND']);
    }

    const batch = await client.batchRequests([{ document: query, variables: { id: '1' } }, { document: gql`{ me { id } }` }]);
    assert.deepEqual(batch[1].data, { me: { id: '2' } });

    const stranger = new GraphQLClient(`${server.origin}/graphql`, { headers: { Authorization: 'Bearer not-a-token' } });
    await assert.rejects(stranger.request(query, { id: '1' }), ({ response }) => {
      assert.equal(response.status, 401);
      return assert.equal(response.errors[0].extensions.code, 'UNAUTHENTICATED') ?? true;
    });
  });
}
