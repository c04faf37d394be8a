// The pictures of the README, made when asked: CONFAB_WEB_SCREENSHOTS=1.
import { mkdir } from 'node:fs/promises';
import { test } from 'node:test';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch, openPage, SIZES } from './support/browser.mjs';
import { expect, until } from './support/expect.mjs';
import { twoPeople } from './support/person.mjs';
import { startServer } from './support/server.mjs';

const IMAGES = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const isWanted = Boolean(process.env.CONFAB_WEB_SCREENSHOTS);

/** The person's window with the picture of the ridge in view. */
async function showRidge(person) {
  await person.open('Weekend Hike');
  await until('the picture', () => person.message('The ridge at sunset').locator('.picture img').evaluate((it) => it.complete && it.naturalWidth > 0));
  await person.history.evaluate((it) => it.scrollTo({ top: 118 }));
}

test('the pictures of the README', { skip: !isWanted && 'CONFAB_WEB_SCREENSHOTS is not set' }, async () => {
  await mkdir(IMAGES, { recursive: true });
  const [browser, server] = await Promise.all([launch(), startServer()]);
  try {
    for (const [name, size, colorScheme] of [
      ['demo.png', 'desktop', 'light'],
      ['phone.png', 'phone', 'light'],
    ]) {
      const openAt = async () => {
        const opened = await openPage(browser, server.origin, { ...SIZES[size], deviceScaleFactor: 1, colorScheme, reducedMotion: 'reduce' });
        await opened.page.goto(server.origin);
        return opened;
      };
      const { alice, bob, pages } = await twoPeople(openAt, size);
      await bob.open('Weekend Hike');
      await showRidge(alice);
      await bob.over('STOMP');
      await bob.open('Weekend Hike');
      await expect(bob.history.locator('.player time')).toHaveText('0:04');
      await alice.page.evaluate(() => document.activeElement?.blur());
      await alice.page.mouse.move(2, 2);
      await alice.page.screenshot({ path: join(IMAGES, name) });
      for (const { context } of pages) await context.close();
    }
  } finally {
    await browser.close();
    await server.stop();
  }
});
