// Who is who: names and pictures, from all that came by.
import { DerivedByName, type Readable } from '../observable.js';
import type { Id, User } from '../model.js';

export class People {
  readonly #known = new Map<Id, User>();
  readonly #asked = new Set<Id>();
  readonly #fetch: (id: Id) => Promise<User>;
  readonly #shown = new DerivedByName<User | undefined>(
    (id) => this.#known.get(id),
    (id) => void this.#complete(id),
  );

  constructor(fetch: (id: Id) => Promise<User>) {
    this.#fetch = fetch;
  }

  person(id: Id): Readable<User | undefined> {
    return this.#shown.of(id);
  }

  /** What is said of somebody, all of it. */
  meet({ id, name, avatarUrl }: User): void {
    const known = this.#known.get(id);
    if (known && known.name === name && known.avatarUrl === avatarUrl) return;
    this.#known.set(id, { id, name, avatarUrl });
    this.#shown.touch(id);
  }

  async #complete(id: Id): Promise<void> {
    if (this.#known.has(id) || this.#asked.has(id)) return;
    this.#asked.add(id);
    try {
      this.meet(await this.#fetch(id));
    } catch {
      // Unknown it stays, until somebody listens to it again.
      this.#asked.delete(id);
    }
  }
}
