// Two people use the web chat for all that it does: at a wide page and at phones, over both ways to the server.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { accessible as mustBeAccessible, launch, openPage, SIZES } from './support/browser.mjs';
import { expect, until } from './support/expect.mjs';
import { twoPeople } from './support/person.mjs';
import { startServer } from './support/server.mjs';

/** A picture of one colour, 64 by 48. */
function picture() {
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.from([0, 0, 0, 64, 0, 0, 0, 48, 8, 2, 0, 0, 0]);
  const rows = Buffer.concat(Array.from({ length: 48 }, () => Buffer.concat([Buffer.from([0]), Buffer.alloc(64 * 3, 120)])));
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/** The checksum of PNG: Node.js has one of its own since 22. */
function crc32(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

// Each has a server of its own, and waits for it most of the time.
describe('the web chat', { concurrency: 2 }, () => {
  for (const way of ['GraphQL', 'STOMP']) {
    for (const size of ['desktop', 'phone']) {
      describe(`at a ${size}, over ${way}`, { concurrency: 1 }, () => story(size, way));
    }
  }
});

function story(size, way) {
  const mark = `${size} ${way}`;
  let server;
  let alice;
  let bob;
  let pages;
  // What axe judges is the same whatever is spoken.
  const accessible = way === 'GraphQL' ? mustBeAccessible : async () => {};

  before(async () => {
    server = await startServer();
    const openAt = async () => {
      const opened = await openPage(browser, server.origin, SIZES[size]);
      await opened.page.goto(server.origin);
      return opened;
    };
    ({ alice, bob, pages } = await twoPeople(openAt, size));
    for (const person of [alice, bob]) {
      if (way === 'STOMP') await person.over('STOMP');
      await person.open('Weekend Hike');
    }
  });
  after(async () => {
    for (const { context } of pages ?? []) await context.close();
    await server?.stop();
  });

  test('they see what the demo has', async () => {
    await expect(alice.message('The ridge at sunset').locator('.picture img')).toBeVisible();
    await expect(alice.message('Count me in!').locator('.reactions')).toHaveText('🎉1');
    await expect(alice.message('Train at 8:40').locator('.replies')).toHaveText('3 replies');
    await accessible(alice.page, 'a conversation');
    if (size === 'phone') {
      await alice.page.goBack();
      await expect(alice.row('Weekend Hike')).toBeVisible();
      await accessible(alice.page, 'the list of conversations');
      await alice.open('Weekend Hike');
    }
  });

  test('what one writes the other reads, and is seen to', async () => {
    await alice.field.pressSequentially('Writ');
    await expect(bob.history.locator('.typing')).toHaveText('Alice is typing');
    await alice.say(`Hello ${mark}`);
    await expect(bob.message(`Hello ${mark}`)).toBeVisible();
    await expect(bob.history.locator('.typing')).toHaveCount(0);
    await expect(alice.message(`Hello ${mark}`).locator('.tick')).toHaveText('Sent');
    await until('Bob to have seen it', () => alice.message(`Hello ${mark}`).locator('.seen').textContent(), (it) => it?.includes('Bob'));
    await alice.say('1 < 2 && Vec<String> <b>bold</b> https://example.org/x?a=1&b=2.');
    const text = bob.message('1 < 2').locator('.text');
    await expect(text).toHaveText('1 < 2 && Vec<String> bold https://example.org/x?a=1&b=2.');
    assert.equal(await text.locator('b').textContent(), 'bold');
    assert.equal(await text.locator('a').getAttribute('href'), 'https://example.org/x?a=1&b=2');
  });

  test('reactions come and go', async () => {
    await bob.tool(`Hello ${mark}`, 'React with 👍');
    const chip = alice.message(`Hello ${mark}`).locator('.reactions button');
    await expect(chip).toHaveText('👍1');
    await chip.click();
    await expect(bob.message(`Hello ${mark}`).locator('.reactions button')).toHaveText('👍2');
    await chip.click();
    await expect(bob.message(`Hello ${mark}`).locator('.reactions button')).toHaveText('👍1');
    await bob.tool(`Hello ${mark}`, 'More reactions');
    await bob.page.getByRole('searchbox', { name: 'Find an emoji' }).fill('rocket');
    await accessible(bob.page, 'the emoji picker');
    await bob.page.keyboard.press('Enter');
    await expect(alice.message(`Hello ${mark}`).locator('.reactions')).toHaveText('👍1🚀1');
  });

  test('a message is edited, and taken back', async () => {
    await alice.say('A tpyo');
    await alice.choose('A tpyo', 'Edit');
    await expect(alice.field).toHaveValue('A tpyo');
    await alice.field.fill('A typo no more');
    await alice.field.press('Enter');
    await expect(bob.message('A typo no more').locator('.meta')).toHaveText(/^edited/);
    await alice.choose('A typo no more', 'Delete');
    await expect(bob.message('This message was deleted')).toBeVisible();
    await expect(alice.history.locator('article').filter({ hasText: 'A typo' })).toHaveCount(0);
  });

  test('replies stand in a thread', async () => {
    await bob.tool(`Hello ${mark}`, 'Reply in thread');
    await bob.panel.locator('textarea').fill('An answer beside');
    await bob.panel.locator('textarea').press('Enter');
    await expect(bob.panel.locator('article').filter({ hasText: 'An answer beside' })).toBeVisible();
    await expect(alice.message(`Hello ${mark}`).locator('.replies')).toHaveText('1 reply');
    await alice.message(`Hello ${mark}`).locator('.replies').click();
    await expect(alice.panel.locator('article').filter({ hasText: 'An answer beside' })).toBeVisible();
    await accessible(alice.page, 'a thread');
    await alice.closePanel();
    await bob.closePanel();
    await expect(alice.message('An answer beside').locator('.quote strong')).toHaveText('Alice');
  });

  test('pictures, sounds and files go up, are seen, heard and fetched', async () => {
    const sound = await server.rest(await server.token(1, 'Alice'), 'GET', '/conversations/2/attachments');
    const { url } = sound.flatMap((it) => it.attachments).find((it) => it.fileName.endsWith('.wav'));
    const wav = Buffer.from(await (await fetch(server.origin + url)).arrayBuffer());
    await alice.composer.locator('input[type=file]').setInputFiles([
      { name: 'dot.png', mimeType: 'image/png', buffer: picture() },
      { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Notes of the day\n') },
      { name: 'bell.wav', mimeType: 'audio/wav', buffer: wav },
    ]);
    await expect(alice.composer.locator('.tile.done')).toHaveCount(3);
    await alice.say('Three of a kind');
    const told = bob.message('Three of a kind');
    await told.getByRole('button', { name: 'Show dot.png' }).click();
    const box = bob.page.locator('dialog.lightbox');
    await until('the picture', () => box.locator('img').evaluate((it) => it.complete && it.naturalWidth), (it) => it === 64);
    await accessible(bob.page, 'the light box');
    await bob.page.keyboard.press('Escape');
    await expect(box).toHaveCount(0);
    await told.getByRole('button', { name: 'Play bell.wav' }).click();
    await until('the sound', () => told.locator('audio').evaluate((it) => it.currentTime), (it) => it > 0.1);
    await told.getByRole('button', { name: /^(Pause|Play) bell.wav/ }).click();
    const [download] = await Promise.all([bob.page.waitForEvent('download'), told.getByRole('button', { name: /^Download\s+notes.txt/ }).click()]);
    assert.equal(download.suggestedFilename(), 'notes.txt');
    const pieces = [];
    for await (const piece of await download.createReadStream()) pieces.push(piece);
    assert.equal(Buffer.concat(pieces).toString(), 'Notes of the day\n');
  });

  test('files are pasted and dropped, given up, and refused in the words of the server', async () => {
    for (const [kind, target, name] of [
      ['paste', alice.field, 'pasted.txt'],
      ['drop', alice.root.locator('.talk'), 'dropped.txt'],
    ]) {
      await target.evaluate(
        (element, [type, file]) => {
          const data = new DataTransfer();
          data.items.add(new File([`I was ${type}ed`], file, { type: 'text/plain' }));
          const how = { bubbles: true, cancelable: true };
          element.dispatchEvent(type === 'paste' ? new ClipboardEvent(type, { ...how, clipboardData: data }) : new DragEvent(type, { ...how, dataTransfer: data }));
        },
        [kind, name],
      );
      await expect(alice.composer.locator('.tile.done').filter({ hasText: name })).toBeVisible();
    }
    await alice.composer.getByRole('button', { name: 'Take pasted.txt away' }).click();
    await expect(alice.composer.locator('.tile')).toHaveCount(1);
    await alice.composer.locator('input[type=file]').setInputFiles({ name: 'empty.txt', mimeType: 'text/plain', buffer: Buffer.alloc(0) });
    await expect(alice.composer.locator('.tile.failed small')).toHaveText('The file is empty');
    await alice.composer.getByRole('button', { name: 'Take empty.txt away' }).click();
    await alice.say('Only one is left');
    await expect(bob.message('Only one is left').getByRole('button', { name: /^Download\s+dropped.txt/ })).toBeVisible();
  });

  test('a voice note is recorded and heard', async () => {
    await alice.composer.getByRole('button', { name: 'Record a voice note' }).click();
    await until('two seconds', () => alice.composer.locator('.recording time').textContent(), (it) => it >= '0:02');
    await alice.composer.getByRole('button', { name: 'Take the recording' }).click();
    await expect(alice.composer.locator('.tile.done')).toHaveCount(1);
    await alice.composer.getByRole('button', { name: 'Send' }).click();
    const note = bob.history.locator('article').filter({ has: bob.page.locator('.player') }).last();
    await note.getByRole('button', { name: /^Play voice-note/ }).click();
    await until('the note', () => note.locator('audio').evaluate((it) => it.currentTime), (it) => it > 0.1);
  });

  test('an emoji is chosen with the keyboard alone', async () => {
    await alice.composer.getByRole('button', { name: 'Emoji' }).focus();
    await alice.page.keyboard.press('Enter');
    await alice.page.getByRole('searchbox', { name: 'Find an emoji' }).pressSequentially('tada');
    await alice.page.keyboard.press('ArrowDown');
    await alice.page.keyboard.press('Enter');
    await expect(alice.field).toHaveValue('🎉');
    await alice.field.press('Enter');
    await expect(bob.message('🎉').locator('.bubble.large')).toBeVisible();
    await alice.history.focus();
    await alice.page.keyboard.press('ArrowUp');
    await alice.page.keyboard.press('ArrowUp');
    await alice.page.keyboard.press('Enter');
    await until('the focus at the tools', () => alice.page.evaluate(() => document.activeElement.closest('.tools') !== null));
  });

  test('what was said is found, with marks, and gone to', async () => {
    await alice.root.getByRole('button', { name: 'Search messages', exact: true }).click();
    await alice.panel.getByRole('searchbox').fill('perf');
    await expect(alice.panel.locator('.hit mark')).toHaveText('perfect');
    await accessible(alice.page, 'a search');
    await alice.panel.getByRole('button', { name: 'Everywhere' }).click();
    await alice.panel.getByRole('searchbox').fill('draft');
    await expect(alice.panel.locator('.hit small')).toHaveText('Carol');
    await alice.panel.getByRole('searchbox').fill('perf');
    await expect(alice.panel.locator('.hit mark')).toHaveText('perfect');
    await alice.panel.locator('.hit').click();
    await expect(alice.panel).toHaveCount(0);
    await until('the message in view', () =>
      alice.message('The forecast looks perfect').evaluate((it) => {
        const [inner, outer] = [it.getBoundingClientRect(), it.closest('.history').getBoundingClientRect()];
        return inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;
      }),
    );
    await alice.root.locator('.to-end').click();
    await expect(alice.root.locator('.to-end')).toHaveCount(0);
  });

  test('how somebody is, is seen', async () => {
    if (bob.isPhone) await bob.back();
    await bob.root.locator('.account').click();
    await bob.page.getByRole('button', { name: 'Do not disturb' }).click();
    await bob.page.getByLabel('Status message').fill('Deep in thought');
    await accessible(bob.page, 'the account menu');
    await bob.page.getByRole('button', { name: 'Set', exact: true }).click();
    await alice.open('Bob');
    await expect(alice.root.locator('.talk-head small')).toHaveText('Do not disturb · Deep in thought');
    await bob.root.locator('.account').click();
    await bob.page.getByRole('button', { name: 'Online', exact: true }).click();
    await bob.page.keyboard.press('Escape');
    await expect(alice.root.locator('.talk-head small')).toHaveText('Online · Deep in thought');
  });

  test('a line shows where what is new begins', async () => {
    await bob.open('Project Team');
    await alice.open('Weekend Hike');
    for (const text of ['New one', 'New two', 'New three']) await alice.say(text);
    if (bob.isPhone) await bob.back();
    await expect(bob.row('Weekend Hike').locator('.badge')).toHaveText('3 unread');
    await bob.open('Weekend Hike');
    await until('the line above what is new', () =>
      bob.history.evaluate((it) => {
        const line = it.querySelector('.new-line');
        return line?.textContent === 'New messages' && line.nextElementSibling?.textContent.includes('New one');
      }),
    );
    if (bob.isPhone) await bob.back();
    await expect(bob.row('Weekend Hike').locator('.badge')).toHaveCount(0);
  });

  test('a group is made, led and left', async () => {
    if (alice.isPhone) await alice.back();
    await alice.root.getByRole('button', { name: 'New conversation' }).click();
    const dialog = alice.page.locator('dialog[open]');
    await dialog.getByRole('textbox', { name: 'Find people' }).fill('Bo');
    await dialog.locator('.people button').filter({ hasText: 'Bob' }).click();
    await dialog.getByText('Make it a group').click();
    await dialog.getByLabel('Name of the group').fill('Book club');
    await accessible(alice.page, 'a new conversation');
    await dialog.getByRole('button', { name: 'Create the group' }).click();
    await expect(alice.root.locator('.talk-head h2')).toHaveText('Book club');
    await expect(bob.row('Book club')).toBeVisible();

    await alice.root.getByRole('button', { name: 'Details' }).click();
    await accessible(alice.page, 'the details');
    await alice.panel.getByRole('button', { name: 'Change' }).click();
    await alice.panel.getByLabel('Description').fill('One chapter a week');
    await alice.panel.getByRole('button', { name: 'Save' }).click();
    await expect(alice.panel.locator('.about p')).toHaveText('One chapter a week');
    await alice.panel.getByRole('button', { name: 'Add people' }).click();
    await dialog.locator('.people button').filter({ hasText: 'Carol' }).click();
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await expect(alice.panel.locator('.members h3')).toHaveText('3 members');
    await alice.panel.getByRole('button', { name: 'What to do with Bob' }).click();
    await alice.page.getByRole('menuitem', { name: 'Make an admin' }).click();
    await expect(alice.panel.locator('.member').filter({ hasText: 'Bob' }).locator('.role')).toHaveText('Admin');

    await bob.open('Book club');
    await bob.root.getByRole('button', { name: 'Details' }).click();
    await bob.panel.getByRole('button', { name: 'What to do with Carol' }).click();
    await bob.page.getByRole('menuitem', { name: 'Remove' }).click();
    await expect(alice.panel.locator('.members h3')).toHaveText('2 members');
    await bob.panel.getByRole('button', { name: 'Leave the group' }).click();
    await bob.page.locator('dialog[open]').getByRole('button', { name: 'Leave', exact: true }).click();
    await expect(bob.row('Book club')).toHaveCount(0);
    await expect(alice.panel.locator('.members h3')).toHaveText('1 members');
    await alice.panel.getByRole('button', { name: 'Delete the group' }).click();
    await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
    await expect(alice.row('Book club')).toHaveCount(0);
  });

  test('a conversation is pinned, muted and archived', async () => {
    await alice.open('Project Team');
    await alice.root.getByRole('button', { name: 'Details' }).click();
    for (const name of ['Pinned', 'Muted']) await alice.panel.getByRole('button', { name, exact: true }).click();
    await until('both to be set', () => alice.panel.locator('.settings [aria-pressed=true]').count(), (it) => it === 2);
    if (alice.isPhone) await alice.back();
    await until('it to stand first', () => alice.root.locator('.rows button.row').first().textContent(), (it) => it.includes('Project Team'));
    if (alice.isPhone) {
      await alice.open('Project Team');
      await alice.root.getByRole('button', { name: 'Details' }).click();
    }
    await alice.panel.getByRole('button', { name: 'Archived', exact: true }).click();
    if (alice.isPhone) await alice.back();
    await expect(alice.row('Project Team')).toHaveCount(0);
    await alice.root.locator('.tabs').first().getByRole('button', { name: 'Archived' }).click();
    await expect(alice.row('Project Team')).toBeVisible();
    await alice.root.locator('.tabs').first().getByRole('button', { name: /^All/ }).click();
  });

  test('a direct talk is begun with somebody who is found', async () => {
    if (bob.isPhone && (await bob.root.locator('.columns.has-talk').count())) await bob.back();
    await bob.root.getByRole('button', { name: 'New conversation' }).click();
    const dialog = bob.page.locator('dialog[open]');
    await dialog.getByRole('textbox', { name: 'Find people' }).fill('Carol');
    await bob.page.keyboard.press('Enter');
    await dialog.getByRole('button', { name: 'Start talking' }).click();
    await expect(bob.root.locator('.talk-head h2')).toHaveText('Carol');
    await bob.say('Hello Carol');
    const carol = await server.token(3, 'Carol');
    const talks = await server.rest(carol, 'GET', '/conversations');
    assert.equal(talks.find((it) => it.name === 'Bob').lastMessage.content, 'Hello Carol');
  });

  test('older messages come in without a jump, and one gets back to the newest', async () => {
    const token = await server.token(2, 'Bob');
    const { id } = await server.rest(token, 'POST', '/conversations', { name: 'Long talk', participantIds: [1] });
    for (let number = 1; number <= 130; number += 1) {
      await server.rest(token, 'POST', `/conversations/${id}/messages`, { content: `Number ${number}${number % 7 ? '' : '\nwith\nmore\nlines'}` });
    }
    await alice.open('Long talk');
    await expect(alice.history.locator('.new-line')).toBeVisible();
    const place = () =>
      alice.history.evaluate((box) => {
        const top = box.getBoundingClientRect().top;
        const first = [...box.querySelectorAll('article')].find((it) => it.getBoundingClientRect().top > top + 8);
        return { id: first.dataset.message, y: Math.round(first.getBoundingClientRect().top - top), count: box.querySelectorAll('article').length };
      });
    for (let page = 0; page < 2; page += 1) {
      const { count } = await place();
      if (count >= 130) break;
      await alice.history.evaluate((box) => box.scrollTo({ top: 300 }));
      const before = await place();
      await until('older messages', place, (it) => it.count > count);
      const y = await alice.history.evaluate((box, message) => {
        const found = box.querySelector(`[data-message="${message}"]`);
        return Math.round(found.getBoundingClientRect().top - box.getBoundingClientRect().top);
      }, before.id);
      assert.ok(Math.abs(y - before.y) <= 1, `the message moved from ${before.y} to ${y}`);
    }
    await until('all of them', async () => {
      await alice.history.evaluate((box) => box.scrollTo({ top: 0 }));
      return (await place()).count;
    }, (it) => it === 130);
    await server.rest(token, 'POST', `/conversations/${id}/messages`, { content: 'The newest of all' });
    await expect(alice.root.locator('.to-end .badge')).toHaveText('1');
    await alice.root.locator('.to-end').click();
    await until('the end', () => alice.history.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight), (it) => it < 4);
    assert.equal(new Set(await alice.history.locator('article').evaluateAll((all) => all.map((it) => it.dataset.message))).size, 131);
  });

  test('the way to the server is changed while both go on', async () => {
    const other = way === 'STOMP' ? 'GraphQL' : 'STOMP';
    await alice.open('Weekend Hike');
    await bob.open('Weekend Hike');
    await alice.over(other);
    await alice.open('Weekend Hike');
    await alice.say(`Over ${other} now`);
    await expect(bob.message(`Over ${other} now`)).toBeVisible();
    await bob.say(`Still over ${way}`);
    await expect(alice.message(`Still over ${way}`)).toBeVisible();
    await alice.over(way);
    await alice.open('Weekend Hike');
  });

  test('a server that dies and comes back costs nobody a message, and nobody sees one twice', async () => {
    await alice.say('Before the end');
    await expect(bob.message('Before the end')).toBeVisible();
    await server.kill();
    await expect(alice.root.locator('.banner')).toBeVisible();
    await alice.field.fill('Written in between');
    await alice.field.press('Enter');
    await expect(alice.message('Written in between').locator('.tick')).toHaveText(/^(Waits for the connection|Sending)$/);
    await accessible(alice.page, 'without a connection');
    await server.start();
    // Whoever has come back by then has no button to hurry.
    await Promise.all([alice, bob].map((person) => person.root.locator('.banner button').click({ timeout: 1_000 }).catch(() => {})));
    await expect(alice.message('Written in between').locator('.tick')).toHaveText('Sent');
    await expect(bob.message('Written in between')).toBeVisible();
    await bob.say('All is well');
    await expect(alice.message('All is well')).toBeVisible();
    await expect(alice.root.locator('.banner')).toHaveCount(0);
    const told = async (person) => person.history.locator('article[data-message]').evaluateAll((all) => all.map((it) => it.dataset.message));
    const [hers, his] = [await told(alice), await told(bob)];
    assert.deepEqual(hers, his);
    assert.equal(new Set(hers).size, hers.length);
  });

  test('nothing went wrong in the pages', () => {
    for (const { faults } of pages) assert.deepEqual(faults, []);
  });
}
