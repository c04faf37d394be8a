// Where messages wait that the server does not have yet: in the storage of the page, each under its own name. Pages that
// share the storage each send their own, and take over what pages that are gone have left.
import type { ClientStorage } from './api.js';
import type { Id, UploadedFile } from './model.js';
import { randomName } from './random.js';

/** A message that was not sent yet. */
export interface Draft {
  readonly tempId: string;
  readonly conversationId: Id;
  readonly content: string | null;
  readonly attachments: readonly UploadedFile[];
  readonly parentMessageId: Id | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Milliseconds, when it was written: their order. */
  readonly writtenAt: number;
  /** When it was on its way for the first time; null if it never was. */
  readonly triedAt: number | null;
  readonly refusal: { readonly code: string; readonly message: string } | null;
}

interface Kept extends Draft {
  readonly owner: string;
}

export class Drafts {
  readonly #storage: ClientStorage | undefined;
  readonly #prefix: string;
  readonly #page = randomName();
  #leave: (() => void) | undefined;

  constructor(storage: ClientStorage | undefined, userId: Id) {
    this.#storage = storage;
    this.#prefix = `confab.outbox.${userId}.`;
    // A lock that is held as long as the page lives tells others that it does.
    const locks = storage && globalThis.navigator?.locks;
    void locks
      ?.request(lockOf(this.#page), () => new Promise<void>((done) => (this.#leave = done)))
      .catch(() => {});
  }

  keep(draft: Draft): void {
    const kept: Kept = { ...draft, owner: this.#page };
    try {
      this.#storage?.setItem(this.#prefix + draft.tempId, JSON.stringify(kept));
    } catch {
      // Storage that is full or forbidden: the message outlives no reload, and is sent all the same.
    }
  }

  forget(tempId: string): void {
    try {
      this.#storage?.removeItem(this.#prefix + tempId);
    } catch {
      // As above.
    }
  }

  /**
   * What pages have left that are gone; it is this page's from now on. It is taken under the lock of the page that is
   * gone, so that one takes it. Without locks nobody can tell whether a page is gone, and it may be sent by two: under the
   * same `tempId`, so that the server has it once. What is this page's own may be among them.
   */
  async adopt(): Promise<Draft[]> {
    const left: Draft[] = [];
    const locks = globalThis.navigator?.locks;
    for (const owner of new Set(this.#read().map((it) => it.owner))) {
      const take = (lock: unknown) => {
        // Read again: another page may have been quicker.
        const those = lock ? this.#read().filter((it) => it.owner === owner) : [];
        for (const draft of those) this.keep(draft);
        left.push(...those);
      };
      await (locks ? locks.request(lockOf(owner), { ifAvailable: true }, take) : take(true));
    }
    return left.sort((one, other) => one.writtenAt - other.writtenAt);
  }

  close(): void {
    this.#leave?.();
  }

  #read(): Kept[] {
    const storage = this.#storage;
    if (!storage) return [];
    const found: Kept[] = [];
    try {
      for (let index = 0; index < storage.length; index += 1) {
        const name = storage.key(index);
        if (!name?.startsWith(this.#prefix)) continue;
        const kept = JSON.parse(storage.getItem(name) ?? 'null') as Kept | null;
        if (kept?.tempId && kept.conversationId) found.push(kept);
      }
    } catch {
      // What cannot be read is passed over.
    }
    return found;
  }
}

const lockOf = (page: string) => `confab.page.${page}`;
