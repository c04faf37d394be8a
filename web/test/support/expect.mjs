// Waits until something is so, up to a limit: playwright-core brings no assertions of its own.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

/** Whatever happens in a second alone may take many beside others; nobody waits for it where all is well. */
const LIMIT = 60_000;

/** The first value that `fits`, or a failure that tells the last one. */
export async function until(what, look, fits = Boolean) {
  const end = Date.now() + LIMIT;
  let value;
  let error;
  do {
    try {
      value = await look();
      error = undefined;
      if (fits(value)) return value;
    } catch (thrown) {
      error = thrown;
    }
    await pause(40);
  } while (Date.now() < end);
  assert.fail(`waited in vain for ${what}; there was ${error ? error.message : JSON.stringify(value)}`);
}

const squeezed = (text) => (text ?? '').replace(/\s+/g, ' ').trim();

export function expect(locator) {
  const of = (what) => `${locator} ${what}`;
  return {
    toBeVisible: () => until(of('to be visible'), () => locator.isVisible()),
    toBeHidden: () => until(of('to be hidden'), async () => !(await locator.isVisible())),
    toHaveCount: (count) => until(of(`to be there ${count} times`), () => locator.count(), (it) => it === count),
    toHaveText: (text) => until(of(`to say ${text}`), async () => squeezed(await locator.textContent()), (it) => (text instanceof RegExp ? text.test(it) : it === text)),
    toHaveAttribute: (name, value) => until(of(`to have ${name}=${value}`), () => locator.getAttribute(name), (it) => it === value),
    toHaveValue: (value) => until(of(`to hold ${value}`), () => locator.inputValue(), (it) => it === value),
  };
}
