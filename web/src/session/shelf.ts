// A part of the browser's storage for one user, so that people who take turns at a browser do not find each other's outbox.
import type { ClientStorage } from '@confab/client';

export function shelf(user: string): ClientStorage | undefined {
  try {
    return new Shelf(localStorage, `confab:${user}:`);
  } catch {
    // A browser that keeps nothing for pages.
    return undefined;
  }
}

class Shelf implements ClientStorage {
  readonly #all: Storage;
  readonly #prefix: string;

  constructor(all: Storage, prefix: string) {
    this.#all = all;
    this.#prefix = prefix;
  }

  get #keys(): string[] {
    return Object.keys(this.#all).filter((key) => key.startsWith(this.#prefix));
  }

  get length(): number {
    return this.#keys.length;
  }

  key(index: number): string | null {
    return this.#keys[index]?.slice(this.#prefix.length) ?? null;
  }

  getItem(key: string): string | null {
    return this.#all.getItem(this.#prefix + key);
  }

  setItem(key: string, value: string): void {
    this.#all.setItem(this.#prefix + key, value);
  }

  removeItem(key: string): void {
    this.#all.removeItem(this.#prefix + key);
  }
}
