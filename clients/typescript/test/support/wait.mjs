// Waiting for what happens, never for time to pass.

/** The promise, or a failure that says what did not come. */
export function within(ms, promise, what) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`waited ${ms / 1000} s in vain for ${typeof what === 'function' ? what() : what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Resolves with the value of a readable once it fits. */
export function until(readable, fits, what, ms = 15_000) {
  let end;
  const come = new Promise((done) => {
    const look = () => {
      const value = readable.get();
      if (fits(value)) done(value);
    };
    end = readable.subscribe(look);
    look();
  });
  return within(ms, come, () => `${what}; it is ${JSON.stringify(readable.get())?.slice(0, 2000)}`).finally(end);
}
