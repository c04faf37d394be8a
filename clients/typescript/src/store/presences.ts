// How people are, of those who are looked at.
import { DerivedByName, type Readable } from '../observable.js';
import type { Id, Presence } from '../model.js';

/** Users of one question, at most. */
const MAX_ASKED = 500;

export class Presences {
  readonly #known = new Map<Id, Presence>();
  readonly #shown = new DerivedByName<Presence | undefined>(
    (userId) => this.#known.get(userId),
    (userId) => this.#known.has(userId) || this.#want(userId),
  );
  readonly #fetch: (ids: readonly Id[]) => Promise<readonly Presence[]>;
  #wanted = new Set<Id>();

  constructor(fetch: (ids: readonly Id[]) => Promise<readonly Presence[]>) {
    this.#fetch = fetch;
  }

  of(userId: Id): Readable<Presence | undefined> {
    return this.#shown.of(userId);
  }

  notice(presence: Presence): void {
    // Of those at whom nobody looks nothing is kept, or thousands would be.
    if (!this.#shown.has(presence.userId)) return;
    this.#known.set(presence.userId, presence);
    this.#shown.touch(presence.userId);
  }

  /** What was missed is asked for: of those who are looked at now at once, of others when they are again. */
  refresh(): void {
    this.#known.clear();
    for (const userId of this.#shown.watched()) this.#want(userId);
  }

  #want(userId: Id): void {
    if (this.#wanted.size === 0) queueMicrotask(() => void this.#ask());
    this.#wanted.add(userId);
  }

  async #ask(): Promise<void> {
    const ids = [...this.#wanted];
    this.#wanted = new Set();
    for (let from = 0; from < ids.length; from += MAX_ASKED) {
      // Where it fails, the next connection asks again.
      const answers = await this.#fetch(ids.slice(from, from + MAX_ASKED)).catch(() => []);
      for (const presence of answers) this.notice(presence);
    }
  }
}
