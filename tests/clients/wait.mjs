// Waiting for what happens, never for time to pass.

/** The promise, or a failure that says what did not come. */
export function within(ms, promise, what) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`waited ${ms / 1000} s in vain for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** What arrived and was not taken yet. */
export class Inbox {
  #items = [];
  #waiting = new Set();

  constructor(name) {
    this.name = name;
  }

  put(item) {
    for (const it of this.#waiting) {
      if (it.fits(item)) {
        this.#waiting.delete(it);
        it.done(item);
        return;
      }
    }
    this.#items.push(item);
  }

  /** Takes the first item that fits, arrived or to come. */
  async take(what, fits = () => true, ms = 10_000) {
    const index = this.#items.findIndex(fits);
    if (index >= 0) return this.#items.splice(index, 1)[0];
    let entry;
    const arrival = new Promise((done) => this.#waiting.add((entry = { fits, done })));
    try {
      return await within(ms, arrival, `${what} (${this.name})`);
    } catch (error) {
      this.#waiting.delete(entry);
      throw new Error(`${error.message}; there were ${JSON.stringify(this.#items)}`);
    }
  }

  /** All that nobody took. */
  rest() {
    return this.#items.splice(0);
  }
}
