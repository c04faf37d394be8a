// Waiting until what a client shows is right.
import { within } from '../wait.mjs';

/**
 * Resolves with what `read` gives once it fits. `changed` takes a listener, calls it after each change, and answers what
 * ends that.
 */
export function eventually(read, fits, changed, what, ms = 20_000) {
  let end;
  const come = new Promise((done) => {
    const look = () => fits(read()) && done(read());
    end = changed(look);
    look();
  });
  return within(ms, come, what)
    .catch((error) => {
      throw new Error(`${error.message}; it is ${JSON.stringify(read())?.slice(0, 2000)}`);
    })
    .finally(() => end?.());
}

export const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** Something to listen to, for clients that only call back. */
export class Bell {
  #listeners = new Set();
  ring = () => this.#listeners.forEach((it) => it());
  listen = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}
