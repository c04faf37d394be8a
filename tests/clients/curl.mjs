// Requests by the real curl, written as the documentation writes them.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** `curl` with these arguments; resolves with the status and the JSON that was answered. */
export async function curl(...args) {
  const { stdout } = await run('curl', ['--silent', '--show-error', '--max-time', '20', '-w', '\n%{http_code}', ...args]);
  const cut = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(cut + 1)), body: JSON.parse(stdout.slice(0, cut)) };
}

/** Sends a message and resolves with what the server made of it. */
export async function send(server, name, conversationId, content) {
  const { status, body } = await curl(
    '-X', 'POST', `${server.origin}/api/chat/conversations/${conversationId}/messages`,
    '-H', `Authorization: Bearer ${server.tokens[name]}`,
    '-H', 'Content-Type: application/json',
    '-d', JSON.stringify({ content }),
  );
  if (status !== 201) throw new Error(`Sending was answered with ${status}: ${JSON.stringify(body)}`);
  return body.data;
}

/** Reads a path of the REST interface and resolves with its data. */
export async function get(server, name, path) {
  const { status, body } = await curl(`${server.origin}${path}`, '-H', `Authorization: Bearer ${server.tokens[name]}`);
  if (status !== 200) throw new Error(`${path} was answered with ${status}: ${JSON.stringify(body)}`);
  return body.data;
}
