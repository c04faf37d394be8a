// How messages are shown: with the key that they had before they were sent, and with what the server has not agreed to yet.
import type { Id, Message, StoredMessage } from '../model.js';
import { Patches } from './patches.js';

export class Views {
  readonly #cache = new WeakMap<StoredMessage, Message>();
  readonly #keys = new Map<Id, string>();
  readonly patches: Patches<StoredMessage>;

  /** Calls `changed` when a message is shown otherwise than before. */
  constructor(changed: (messageId: Id) => void) {
    this.patches = new Patches(changed);
  }

  /** The same object for the same message, as long as nothing is patched. */
  show(stored: StoredMessage): Message {
    const isPatched = this.patches.has(stored.id);
    const known = this.#cache.get(stored);
    if (known && !isPatched) return known;
    const key = this.#keys.get(stored.id) ?? stored.id;
    const shown: Message = { ...this.patches.over(stored.id, stored), key, state: 'sent', error: null };
    if (!isPatched) this.#cache.set(stored, shown);
    return shown;
  }

  /** It was shown under this key before it was sent, and keeps it. */
  keep(messageId: Id, key: string): void {
    this.#keys.set(messageId, key);
  }
}
