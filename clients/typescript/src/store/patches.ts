// What is shown before the server has agreed to it, and taken back if it does not.
import type { Id } from '../model.js';

type Patch<T> = (value: T) => T;

export class Patches<T> {
  readonly #patches = new Map<Id, Set<Patch<T>>>();
  readonly #changed: (id: Id) => void;

  constructor(changed: (id: Id) => void) {
    this.#changed = changed;
  }

  has(id: Id): boolean {
    return this.#patches.has(id);
  }

  /** The value as it is to be shown. */
  over(id: Id, value: T): T {
    return [...(this.#patches.get(id) ?? [])].reduce((it, patch) => patch(it), value);
  }

  /** Shows it otherwise until the answer of this function is called. */
  add(id: Id, patch: Patch<T>): () => void {
    const patches = this.#patches.get(id) ?? new Set();
    this.#patches.set(id, patches.add(patch));
    this.#changed(id);
    return () => {
      patches.delete(patch);
      if (!patches.size && this.#patches.get(id) === patches) this.#patches.delete(id);
      this.#changed(id);
    };
  }
}
