// The viewer's read markers on their way: several steps of one are one request, and none is lost to a connection.
import { isInterruption } from './errors.js';
import { compareIds, type Id } from './model.js';

const PAUSE_MS = 300;
const RETRY_MS = 3_000;

export class Reading {
  readonly #wanted = new Map<Id, Id>();
  readonly #under = new Set<Id>();
  readonly #send: (conversationId: Id, messageId: Id) => Promise<unknown>;
  readonly #refused: (conversationId: Id) => void;

  constructor(send: (conversationId: Id, messageId: Id) => Promise<unknown>, refused: (conversationId: Id) => void) {
    this.#send = send;
    this.#refused = refused;
  }

  mark(conversationId: Id, messageId: Id): void {
    const wanted = this.#wanted.get(conversationId);
    if (wanted && compareIds(wanted, messageId) >= 0) return;
    this.#wanted.set(conversationId, messageId);
    void this.#go(conversationId, PAUSE_MS);
  }

  online(): void {
    for (const id of this.#wanted.keys()) void this.#go(id, 0);
  }

  async #go(conversationId: Id, pauseMs: number): Promise<void> {
    if (this.#under.has(conversationId)) return;
    this.#under.add(conversationId);
    let again = 0;
    try {
      await new Promise((done) => setTimeout(done, pauseMs));
      for (let messageId; (messageId = this.#wanted.get(conversationId)); ) {
        await this.#send(conversationId, messageId);
        if (this.#wanted.get(conversationId) === messageId) this.#wanted.delete(conversationId);
      }
    } catch (error) {
      if (isInterruption(error)) {
        again = RETRY_MS;
      } else {
        this.#wanted.delete(conversationId);
        this.#refused(conversationId);
      }
    } finally {
      this.#under.delete(conversationId);
    }
    if (again) void this.#go(conversationId, again);
  }
}
