// A value that can be read now and listened to: the form that `useSyncExternalStore` wants, and no framework's.

/** `get` answers the same object until something changed. */
export interface Readable<T> {
  get(): T;
  /** Calls `listener` after each change, never before it returns; the answer ends that. */
  subscribe(listener: () => void): () => void;
}

/** A value that its owner sets. */
export class Cell<T> implements Readable<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();
  readonly #watched: ((isWatched: boolean) => void) | undefined;

  /** `watched` is told when the first listener comes and when the last one has gone. */
  constructor(value: T, watched?: (isWatched: boolean) => void) {
    this.#value = value;
    this.#watched = watched;
  }

  readonly get = (): T => this.#value;

  readonly subscribe = (listener: () => void): (() => void) => {
    // A function of its own, so that one that subscribes twice is called twice.
    const entry = () => listener();
    this.#listeners.add(entry);
    if (this.#listeners.size === 1) this.#watched?.(true);
    return () => {
      if (this.#listeners.delete(entry) && this.#listeners.size === 0) this.#watched?.(false);
    };
  };

  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        // A listener that fails is its owner's business, and the others are told all the same.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** A value that is made of others when it is read, and made anew only after its owner has touched it. */
export class Derived<T> implements Readable<T> {
  readonly #cell: Cell<object>;
  readonly #make: () => T;
  #value: T | undefined;
  #isStale = true;
  #isTold = true;

  constructor(make: () => T, watched?: (isWatched: boolean) => void) {
    this.#make = make;
    this.#cell = new Cell({}, watched);
    this.subscribe = this.#cell.subscribe;
  }

  readonly subscribe: (listener: () => void) => () => void;

  readonly get = (): T => {
    if (this.#isStale) {
      this.#isStale = false;
      this.#value = this.#make();
    }
    return this.#value as T;
  };

  get isWatched(): boolean {
    return this.#cell.isWatched;
  }

  /** Something that it is made of has changed. What is touched together is told together, in a moment. */
  touch(): void {
    this.#isStale = true;
    if (!this.#isTold || !this.isWatched) return;
    this.#isTold = false;
    queueMicrotask(() => {
      this.#isTold = true;
      this.#cell.set({});
    });
  }
}

/** Such values by name, each made when it is first asked for. */
export class DerivedByName<T> {
  readonly #made = new Map<string, Derived<T>>();
  readonly #make: (name: string) => T;
  readonly #watched: (name: string) => void;

  /** `watched` is told when the first listener of one comes. */
  constructor(make: (name: string) => T, watched: (name: string) => void = () => {}) {
    this.#make = make;
    this.#watched = watched;
  }

  of(name: string): Derived<T> {
    let made = this.#made.get(name);
    if (!made) {
      made = new Derived(
        () => this.#make(name),
        (isWatched) => isWatched && this.#watched(name),
      );
      this.#made.set(name, made);
    }
    return made;
  }

  touch(name: string): void {
    this.#made.get(name)?.touch();
  }

  has(name: string): boolean {
    return this.#made.has(name);
  }

  /** The names of those that somebody listens to. */
  watched(): string[] {
    return [...this.#made].filter(([, made]) => made.isWatched).map(([name]) => name);
  }
}
