// Promises with an end.
import { ConfabError } from './errors.js';

/** The promise, or `DISCONNECTED` after that time, with a sentence about what did not come. */
export function withinMs<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new ConfabError('DISCONNECTED', `${what} did not come in time`)), ms);
    promise.then(done, fail).finally(() => clearTimeout(timer));
  });
}
