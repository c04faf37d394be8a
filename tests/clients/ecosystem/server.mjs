// The server as the TypeScript client's tests start it: on a port that it keeps, so that it can die and come back.
import { execFileSync } from 'node:child_process';
import { binary } from '../../../clients/typescript/test/support/server.mjs';

export { startServer } from '../../../clients/typescript/test/support/server.mjs';

/** The texts of a conversation as they are stored, oldest first. */
export const storedTexts = async (server, id) => (await server.stored('Alice', id)).map((it) => it.content);

/** The schema that the server prints, for what is made of it. */
export const schema = () => execFileSync(binary(), ['schema'], { encoding: 'utf8' });

/** Another program's look at a GraphQL answer, by fetch alone. */
export async function ask(server, name, query, variables) {
  const answer = await fetch(`${server.origin}/graphql`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${server.token(name)}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}
