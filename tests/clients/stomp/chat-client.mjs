// The documentation's JavaScript class, its text untouched, with what the page around it has to give.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Inbox } from '../wait.mjs';

const require = createRequire(import.meta.url);
const SockJS = require('sockjs-client');
const Stomp = require('stompjs');

const text = readFileSync(new URL('../fixtures/chat-client.js', import.meta.url), 'utf8');
const usage = text.indexOf('// Usage\n');
const last = text.lastIndexOf("chat.sendMessage(1, 'Hello, everyone!');");
if (usage < 0 || last < usage) throw new Error('fixtures/chat-client.js is not the text of the documentation');

/**
 * The body of a function of `SockJS`, `Stomp`, `jwtToken`, `console` and `tell(kind, value)`, for Node.js and for a page.
 * The class calls an `onError` that it does not define; its last line is kept back until the client is connected.
 */
export const program = `'use strict';
${text.slice(0, usage)}
ChatClient.prototype.onError = function (error) {
  tell('error', error && error.command ? { command: error.command, headers: error.headers } : String(error));
};
const connected = ChatClient.prototype.onConnected;
ChatClient.prototype.onConnected = function () {
  connected.call(this);
  tell('connected', this.stompClient.ws.transport);
};
${text.slice(usage, last)}
let receipts = 0;
return {
  chat,
  lastLine() {
    ${text.slice(last)}
  },
  // Resolves once the server has handled all that was sent so far.
  settled() {
    return new Promise((done) => {
      const receipt = 'settled-' + ++receipts;
      chat.stompClient.onreceipt = (frame) => frame.headers['receipt-id'] === receipt && done();
      chat.stompClient.send('/app/chat.heartbeat', { receipt }, '');
    });
  },
};`;

/** Runs it in Node.js. Its `inbox` has what the class logs and what becomes of the connection, as `{ kind, value }`. */
export function chatClient(server, token, transport) {
  const inbox = new Inbox(`chat client over ${transport}`);
  const tell = (kind, value) => inbox.put({ kind: kind.replace(/:$/, ''), value });
  function Here(path) {
    return new SockJS(server.origin + path, null, { transports: [transport], timeout: 10_000 });
  }
  const handle = new Function('SockJS', 'Stomp', 'jwtToken', 'console', 'tell', program)(Here, Stomp, token, { log: tell }, tell);
  return { ...handle, inbox, hear: (kind, fits = () => true) => hear(inbox, kind, fits) };
}

/** The value of the next entry of that kind. */
export async function hear(inbox, kind, fits = () => true) {
  return (await inbox.take(kind, (it) => it.kind === kind && fits(it.value))).value;
}
