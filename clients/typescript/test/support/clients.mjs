// Clients in Node.js, which end with their test.
import WebSocket from 'ws';
import { connect, graphql } from '../../dist/index.js';
import { until } from './wait.mjs';

export const transport = () => graphql({ webSocket: WebSocket });

/** The same transport, with an eye on one of its requests. */
export const watched = (inner, request, seen) => ({
  name: inner.name,
  open: async (options) => {
    const link = await inner.open(options);
    return { ...link, [request]: (...args) => (seen(...args), link[request](...args)) };
  },
});

/** A client of this person; `t` is the test that it ends with. */
export function client(t, server, name, options = {}) {
  const chat = connect({ url: server.origin, getToken: () => server.token(name), transport: transport(), ...options });
  t.after(() => chat.close());
  return chat;
}

export const online = (chat, ms) => until(chat.connection, (it) => it.status === 'online', 'being online', ms);

/** Listens to the messages of a conversation until the test ends, and resolves when they are loaded. */
export async function watch(t, chat, conversationId) {
  const messages = chat.messages(conversationId);
  t.after(messages.subscribe(() => {}));
  await until(messages, (it) => it.isLoaded, 'the messages');
  return messages;
}

export const texts = (messages) => messages.get().items.map((it) => it.content);

/** localStorage for Node.js. */
export class MemoryStorage {
  #items = new Map();
  get length() {
    return this.#items.size;
  }
  key(index) {
    return [...this.#items.keys()][index] ?? null;
  }
  getItem(name) {
    return this.#items.get(name) ?? null;
  }
  setItem(name, value) {
    this.#items.set(name, String(value));
  }
  removeItem(name) {
    this.#items.delete(name);
  }
}
