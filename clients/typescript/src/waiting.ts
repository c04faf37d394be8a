// Promises with an end.
import { ConfabError } from './errors.js';

/** The promise, or `DISCONNECTED` after that time. */
export function withinMs<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new ConfabError('DISCONNECTED', 'The server did not answer in time')), ms);
    promise.then(done, fail).finally(() => clearTimeout(timer));
  });
}
