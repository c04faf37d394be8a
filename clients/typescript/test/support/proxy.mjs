// A way to the server that can be cut, or go silent without a word as a network does.
import { connect, createServer } from 'node:net';

/** Resolves with `origin`, and what can happen to it. */
export async function startProxy(port) {
  const pairs = new Set();
  let isFrozen = false;
  const listener = createServer((client) => {
    if (isFrozen) return void client.on('error', () => {});
    const server = connect(port, '127.0.0.1');
    const pair = { client, server };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const [from, to] of [[client, server], [server, client]]) {
      from.on('data', (bytes) => pair.isFrozen || to.write(bytes));
      from.on('error', end);
      from.on('close', () => pair.isFrozen || end());
    }
    pair.end = end;
  });
  const listen = (at) => new Promise((done) => listener.listen(at, '127.0.0.1', done));
  await listen(0);
  const own = listener.address().port;
  return {
    origin: `http://127.0.0.1:${own}`,
    get connections() {
      return pairs.size;
    },
    /** Ends all connections. */
    cut: () => [...pairs].forEach((pair) => pair.end()),
    /** All connections stay and nothing comes through; new ones are like these. */
    freeze() {
      isFrozen = true;
      for (const pair of pairs) pair.isFrozen = true;
    },
    /** New connections come through again. */
    thaw: () => (isFrozen = false),
    /** Nothing listens. */
    async close() {
      for (const pair of [...pairs]) pair.end();
      await new Promise((done) => listener.close(done));
    },
    reopen: () => listen(own),
    stop() {
      for (const pair of [...pairs]) pair.end();
      listener.close();
    },
  };
}
