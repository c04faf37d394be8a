// How messages are shown: with the key that they had before they were sent, and with what the server has not agreed to yet.
import type { Id, Message, StoredMessage } from '../model.js';

type Patch = (message: StoredMessage) => StoredMessage;

export class Views {
  readonly #cache = new WeakMap<StoredMessage, Message>();
  readonly #patches = new Map<Id, Set<Patch>>();
  readonly #keys = new Map<Id, string>();
  readonly #changed: (messageId: Id) => void;

  /** Calls `changed` when a message is shown otherwise than before. */
  constructor(changed: (messageId: Id) => void) {
    this.#changed = changed;
  }

  /** The same object for the same message, as long as nothing is patched. */
  show(stored: StoredMessage): Message {
    const patches = this.#patches.get(stored.id);
    const known = patches ? undefined : this.#cache.get(stored);
    if (known) return known;
    const patched = [...(patches ?? [])].reduce((it, patch) => patch(it), stored);
    const shown: Message = { ...patched, key: this.#keys.get(stored.id) ?? stored.id, state: 'sent', error: null };
    if (!patches) this.#cache.set(stored, shown);
    return shown;
  }

  /** It was shown under this key before it was sent, and keeps it. */
  keep(messageId: Id, key: string): void {
    this.#keys.set(messageId, key);
  }

  /** Shows a message otherwise until the answer of this function is called. */
  patch(messageId: Id, patch: Patch): () => void {
    const patches = this.#patches.get(messageId) ?? new Set();
    this.#patches.set(messageId, patches.add(patch));
    this.#changed(messageId);
    return () => {
      patches.delete(patch);
      if (!patches.size) this.#patches.delete(messageId);
      this.#changed(messageId);
    };
  }
}
