// A proxy that puts a path before the server's own, as many stand in front of one.
import { createServer, request } from 'node:http';
import { connect } from 'node:net';

/** Passes on what comes below `prefix`, WebSockets too. */
export async function startPrefix(origin, prefix) {
  const { hostname, port } = new URL(origin);
  const inner = (url) => url.slice(prefix.length) || '/';
  const server = createServer((asked, answer) => {
    if (!asked.url.startsWith(`${prefix}/`)) return void answer.writeHead(404).end();
    const onward = request({ hostname, port, path: inner(asked.url), method: asked.method, headers: asked.headers }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    asked.pipe(onward);
  });
  const sockets = new Set();
  server.on('upgrade', (asked, socket, head) => {
    const onward = connect(port, hostname, () => {
      const lines = Object.entries(asked.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      onward.write(`GET ${inner(asked.url)} HTTP/1.1\r\n${lines.join('')}\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    for (const it of [socket, onward]) {
      sockets.add(it);
      it.on('error', () => it.destroy());
      it.on('close', () => sockets.delete(it));
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const stop = () => {
    for (const it of sockets) it.destroy();
    server.closeAllConnections();
    server.close();
  };
  return { address: `http://127.0.0.1:${server.address().port}${prefix}/`, stop };
}
