// The pages beside the demo: landing, docs, and signing in with a token.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { accessible, launch, openPage, SIZES } from './support/browser.mjs';
import { expect, until } from './support/expect.mjs';
import { Person } from './support/person.mjs';
import { startPrefix } from './support/prefix.mjs';
import { startServer } from './support/server.mjs';

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([launch(), startServer({ demo: false, settings: { 'users.directory': 'everyone' } })]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

for (const size of ['desktop', 'phone']) {
  test(`who opens the address of a server learns how it is, and where its doors are (${size})`, async () => {
    const { page, context, faults } = await openPage(browser, server.origin, SIZES[size]);
    await page.goto(server.origin);
    await expect(page.locator('[data-health]')).toHaveText('Ready');
    await expect(page.locator('[data-version]')).toHaveText(/^version \d+\.\d+\.\d+/);
    await expect(page.locator('[data-rest]')).toHaveAttribute('href', 'api/docs');
    await accessible(page, 'the landing page');
    for (const link of await page.locator('a[href]').evaluateAll((all) => all.map((it) => it.href))) {
      const answer = await context.request.get(link, { headers: { accept: 'text/html,*/*' } });
      assert.equal(answer.status(), 200, link);
    }
    await page.getByRole('button', { name: 'Dark colours' }).click();
    assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
    await page.reload();
    assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark', 'it is remembered');
    assert.deepEqual(faults, []);
    await context.close();
  });

  test(`the docs are read where the server is (${size})`, async () => {
    const { page, context, faults } = await openPage(browser, server.origin, SIZES[size]);
    await page.goto(`${server.origin}/docs#protocol/5-stomp-over-websocket-and-sockjs`);
    const title = page.locator('main h2').filter({ hasText: '5. STOMP over WebSocket and SockJS' });
    await until('the heading in view', () => title.evaluate((it) => Math.abs(it.getBoundingClientRect().top) < innerHeight / 2));
    assert.ok((await page.locator('main table').count()) > 5);
    await accessible(page, 'the protocol');
    for (const name of ['First steps', 'Operations', 'Limits']) {
      await page.getByRole('link', { name }).first().click();
      await expect(page.locator('.books [aria-current]')).toHaveText(name);
      await expect(page.locator('main h1').first()).toBeVisible();
    }
    const dead = await page.locator('main a[href^="#"]').evaluateAll((all) => all.map((it) => it.getAttribute('href')).filter((href) => !/^#(readme|protocol|operations|limits)/.test(href)));
    assert.deepEqual(dead, []);
    assert.deepEqual(faults, []);
    await context.close();
  });

  test(`one signs in with a token, which the tab keeps and which ends (${size})`, async () => {
    const { page, context, faults } = await openPage(browser, server.origin, SIZES[size]);
    await page.goto(`${server.origin}/chat`);
    await accessible(page, 'signing in');
    const field = page.getByLabel('Token');
    await field.fill('nonsense');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('alert')).toHaveText(/This is no token/);
    const [head, body] = (await server.token(1, 'Ann')).split('.');
    await field.fill(`${head}.${body}.${'x'.repeat(43)}`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('alert')).toHaveText('The server did not take this token.');

    await field.fill(`Bearer ${await server.token(1, 'Ann')}`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    const ann = new Person(page, 'Ann', 1, size === 'phone');
    await ann.online();
    await accessible(page, 'nobody has written yet');
    await page.reload();
    await ann.online();
    await server.rest(await server.token(2, 'Ben'), 'POST', '/conversations', { name: 'Just us', participantIds: [1] });
    await ann.open('Just us');
    await ann.say('Here I am');
    await expect(ann.message('Here I am').locator('.tick')).toHaveText('Sent');
    if (ann.isPhone) await ann.back();
    await ann.root.locator('.account').click();
    await expect(page.locator('.account-menu .fine')).toHaveText(/^The token is valid until \d\d:\d\d\.$/);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect(page.getByRole('heading', { name: 'Come in' })).toBeVisible();
    assert.equal(await page.evaluate(() => sessionStorage.getItem('confab.token')), null);

    await field.fill(await server.token(1, 'Ann', '4m'));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await ann.online();
    await expect(page.locator('.ending')).toBeVisible();
    await accessible(page, 'a token that ends soon');
    await page.locator('.ending input').fill(await server.token(1, 'Ann', '2h'));
    await page.getByRole('button', { name: 'Go on with it' }).click();
    await expect(page.locator('.ending')).toHaveCount(0);
    await ann.online();
    assert.deepEqual(faults, []);
    await context.close();
  });
}

/** Ann's window over this way, and what her page says over its sockets from then on. */
async function ann(way, ttl) {
  const opened = await openPage(browser, server.origin, SIZES.desktop);
  const { page } = opened;
  await page.goto(`${server.origin}/chat`);
  await page.getByLabel('Token').fill(await server.token(1, 'Ann', ttl));
  await page.getByRole('button', { name: 'Sign in' }).click();
  const person = new Person(page, 'Ann', 1, false);
  await person.online();
  const sockets = [];
  page.on('websocket', (socket) => {
    const said = [];
    sockets.push(said);
    socket.on('framesent', ({ payload }) => said.push(String(payload)));
  });
  await person.over(way === 'STOMP' ? 'GraphQL' : 'STOMP');
  await person.over(way);
  return { ...opened, person, sockets };
}

// Most of it is waiting for a token to grow old.
describe('over either way', { concurrency: 2 }, () => {
  for (const way of ['GraphQL', 'STOMP']) {
    test(`over ${way} somebody is found whom one has never met`, async () => {
      const { page, person, context, faults } = await ann(way);
      const stranger = `Zoe ${way}`;
      await server.rest(await server.token(way === 'STOMP' ? 41 : 42, stranger), 'GET', '/conversations');
      await person.root.getByRole('button', { name: 'New conversation' }).click();
      const dialog = page.locator('dialog[open]');
      const field = dialog.getByRole('textbox', { name: 'Find people' });
      await field.fill('Nobody is called so');
      await expect(dialog.locator('.nothing')).toHaveText('Nobody of this name is found');
      await field.fill(stranger.toLowerCase());
      await dialog.locator('.people button').filter({ hasText: stranger }).click();
      await dialog.getByRole('button', { name: 'Start talking' }).click();
      await expect(person.root.locator('.talk-head h2')).toHaveText(stranger);
      await person.say('Have we met?');
      await expect(person.message('Have we met?').locator('.tick')).toHaveText('Sent');
      assert.deepEqual(faults, []);
      await context.close();
    });

    test(`over ${way} the next token is taken into the open connection`, async () => {
      // It is replaced when a fifth of its life is left.
      const { page, person, sockets, context, faults } = await ann(way, '12s');
      const next = await server.token(1, 'Ann', '2h');
      const count = sockets.length;
      await page.locator('.ending input').fill(next);
      await page.getByRole('button', { name: 'Go on with it' }).click();
      await expect(page.locator('.ending')).toHaveCount(0);
      const renewal = way === 'STOMP' ? 'destination:/app/chat.renew' : 'renewToken';
      await until('the new token on its way', () => sockets.at(-1).some((it) => it.includes(renewal) && it.includes(next)));
      const { id } = await server.rest(await server.token(3, 'Cem'), 'POST', '/conversations', { name: `After ${way}`, participantIds: [1] });
      await person.open(`After ${way}`);
      await server.rest(await server.token(3, 'Cem'), 'POST', `/conversations/${id}/messages`, { content: 'Are you there?' });
      await expect(person.message('Are you there?')).toBeVisible();
      await person.say('Still here');
      await expect(person.message('Still here').locator('.tick')).toHaveText('Sent');
      assert.equal(sockets.length, count, 'it is the same connection');
      assert.deepEqual(faults, []);
      await context.close();
    });
  }
});

test('the tokens of a demo are for nobody elsewhere', async () => {
  const answer = await fetch(`${server.origin}/demo/people`, { method: 'POST' });
  assert.equal(answer.status, 404, 'this server is no demo');
  const demo = await startServer();
  try {
    const ask = async (headers) => (await fetch(`${demo.origin}/demo/people`, { method: 'POST', headers })).status;
    assert.equal(await ask({}), 200);
    assert.equal(await ask({ origin: demo.origin }), 200);
    assert.equal(await ask({ origin: 'https://evil.example' }), 403);
    assert.equal(await ask({ 'x-forwarded-for': '203.0.113.9' }), 403);
  } finally {
    await demo.stop();
  }
});

test('a proxy may put a path before the addresses', async () => {
  const demo = await startServer();
  const proxy = await startPrefix(demo.origin, '/talk');
  const { page, context, faults } = await openPage(browser, proxy.address, SIZES.desktop);
  try {
    await page.goto(proxy.address);
    const [alice, bob] = [new Person(page, 'Alice', 1, false), new Person(page, 'Bob', 2, false)];
    await Promise.all([alice.online(), bob.online()]);
    const picture = alice.message('The ridge at sunset').locator('.picture img');
    await until('the picture', () => picture.evaluate((it) => it.complete && it.naturalWidth > 0));
    await bob.over('STOMP');
    await alice.say('Below a path');
    await expect(bob.message('Below a path')).toBeVisible();
    await bob.say('So it is');
    await expect(alice.message('So it is')).toBeVisible();
    await page.goto(`${proxy.address}docs#limits`);
    await expect(page.locator('main h1')).toHaveText('What one caller can hold');
    assert.deepEqual(faults, []);
  } finally {
    await context.close();
    proxy.stop();
    await demo.stop();
  }
});
