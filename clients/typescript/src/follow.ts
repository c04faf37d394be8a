// Follows the log: a snapshot, then each event once and in order, over however many connections.
import { ConfabError } from './errors.js';
import { isAfter } from './cursor.js';
import type { Cursor } from './model.js';
import type { ChatEvent, Link, Snapshot } from './transport.js';

export interface Follower {
  /** Begins anew: what was known before is as good as unknown. */
  load(snapshot: Snapshot, link: Link): Promise<void>;
  apply(event: ChatEvent): void;
}

export class Follow {
  readonly #follower: Follower;
  #cursor: Cursor | undefined;

  constructor(follower: Follower) {
    this.#follower = follower;
  }

  /** Goes on over a new link from the last event, or from a snapshot where the log does not reach back so far. */
  async over(link: Link): Promise<void> {
    if (this.#cursor !== undefined) {
      try {
        return await link.listen(this.#cursor);
      } catch (error) {
        const code = error instanceof ConfabError && error.code;
        // `BAD_REQUEST`: of another database. Nothing that is known is known to be true any more.
        if (code !== 'CURSOR_EXPIRED' && code !== 'BAD_REQUEST') throw error;
        this.#cursor = undefined;
      }
    }
    const snapshot = await link.snapshot();
    await this.#follower.load(snapshot, link);
    this.#cursor = snapshot.cursor;
    await link.listen(snapshot.cursor);
  }

  hear(event: ChatEvent): void {
    if (this.#cursor === undefined || !isAfter(event.cursor, this.#cursor)) return;
    this.#cursor = event.cursor;
    this.#follower.apply(event);
  }
}
