// Somebody at a window of the web chat: finds what they see, does what they do.
import { expect, until } from './expect.mjs';

export class Person {
  constructor(page, name, user, isPhone) {
    Object.assign(this, { page, name, isPhone });
    this.root = page.locator(`section.window[data-user="${user}"]`);
    this.history = this.root.locator('.history');
    this.panel = this.root.locator('aside.panel');
    this.composer = this.root.locator('.talk .composer');
    this.field = this.composer.locator('textarea');
  }

  row(name) {
    return this.root.locator('.rows button.row').filter({ hasText: name });
  }

  /** A message by what it says, the newest that does. */
  message(text) {
    const said = this.page.locator('.text, .tombstone').filter({ hasText: text });
    return this.history.locator('article').filter({ has: said }).last();
  }

  async open(name) {
    if (this.isPhone && (await this.root.locator('.columns.has-talk').count())) await this.back();
    await this.row(name).first().click();
    await expect(this.root.locator('.talk-head h2')).toHaveText(name);
  }

  async back() {
    if (await this.panel.count()) await this.panel.getByRole('button', { name: 'Back' }).click();
    await this.root.getByRole('button', { name: 'Back to the conversations' }).click();
  }

  async closePanel() {
    await this.panel.getByRole('button', { name: this.isPhone ? 'Back' : 'Close' }).click();
    await expect(this.panel).toHaveCount(0);
  }

  async say(text) {
    await this.field.fill(text);
    await this.field.press('Enter');
    await expect(this.field).toHaveValue('');
  }

  /** Shows what can be done with a message, and does one of it. */
  async tool(text, name) {
    const message = this.message(text);
    const button = message.locator('.tools').getByRole('button', { name, exact: true });
    // What comes in meanwhile moves it from under the pointer: then it is pointed at once more.
    await until(`${name} at ${text}`, async () => {
      if (this.isPhone) await message.focus();
      else await message.locator('.bubble').hover();
      await button.click({ timeout: 5_000 });
      return true;
    });
  }

  async choose(text, item) {
    await this.tool(text, 'More');
    await this.page.getByRole('menuitem', { name: item }).click();
  }

  async over(way) {
    if (this.isPhone && (await this.root.locator('.columns.has-talk').count())) await this.back();
    await this.root.locator('.ways').getByRole('button', { name: way }).click();
    await expect(this.root.locator('.ways button[aria-pressed=true]')).toHaveText(way);
    await this.online();
  }

  async online() {
    await expect(this.root.locator('.connection')).toHaveAttribute('data-state', 'online');
  }
}

/** Two people: at one wide page, or each at a phone. */
export async function twoPeople(openAt, size) {
  const isPhone = size === 'phone';
  const left = await openAt();
  const right = isPhone ? await openAt() : left;
  if (isPhone) await right.page.locator('.who').getByRole('button', { name: 'Bob' }).click();
  const [alice, bob] = [new Person(left.page, 'Alice', 1, isPhone), new Person(right.page, 'Bob', 2, isPhone)];
  await Promise.all([alice.online(), bob.online()]);
  return { alice, bob, pages: isPhone ? [left, right] : [left] };
}
