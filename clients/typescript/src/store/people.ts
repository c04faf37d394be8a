// Who is who: names and pictures, from all that came by.
import { Derived, type Readable } from '../observable.js';
import type { Id, User } from '../model.js';

export class People {
  readonly #known = new Map<Id, User>();
  readonly #shown = new Map<Id, Derived<User | undefined>>();
  readonly #asked = new Set<Id>();
  readonly #fetch: (id: Id) => Promise<User>;

  constructor(fetch: (id: Id) => Promise<User>) {
    this.#fetch = fetch;
  }

  person(id: Id): Readable<User | undefined> {
    let shown = this.#shown.get(id);
    if (!shown) {
      shown = new Derived(
        () => this.#known.get(id),
        (isWatched) => isWatched && this.#complete(id),
      );
      this.#shown.set(id, shown);
    }
    return shown;
  }

  /** What is said of somebody, all of it. */
  meet(user: User): void {
    const known = this.#known.get(user.id);
    if (known && known.name === user.name && known.avatarUrl === user.avatarUrl) return;
    this.#known.set(user.id, { id: user.id, name: user.name, avatarUrl: user.avatarUrl });
    this.#shown.get(user.id)?.touch();
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
