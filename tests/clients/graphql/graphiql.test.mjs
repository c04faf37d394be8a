// The GraphiQL page in Chromium, as a person uses it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, openPage } from '../browser.mjs';
import { get, send } from '../curl.mjs';
import { startServer } from '../server.mjs';
import { Inbox } from '../wait.mjs';

let server;
let browser;
before(async () => {
  server = await startServer();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Opens GraphiQL and waits until it can be typed into. */
async function open(fragment = '') {
  const it = await openPage(browser, [server.origin]);
  it.page.setDefaultTimeout(20_000);
  it.sockets = new Inbox('socket');
  it.page.on('websocket', (socket) => {
    socket.on('framesent', ({ payload }) => it.sockets.put(JSON.parse(payload)));
  });
  await it.page.goto(`${server.origin}/graphql${fragment}`);
  await it.page.waitForSelector('.graphiql-query-editor .CodeMirror');
  return it;
}

async function signIn(page, token) {
  await page.fill('#token', token);
  await page.press('#token', 'Enter');
}

async function write(page, query) {
  await page.evaluate((text) => document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.setValue(text), query);
}

/** Presses the button, once GraphiQL has read what stands in the editor: it does so a moment after the last change. */
async function run(page) {
  await page.waitForFunction(() => {
    const editor = document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror;
    return editor.documentAST?.loc?.source.body === editor.getValue();
  });
  await page.click('.graphiql-execute-button');
}

/** Waits until the result pane shows the text, and resolves with all that it shows. */
async function result(page, text) {
  const shown = await page.waitForFunction((wanted) => {
    const value = document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue() ?? '';
    return value.includes(wanted) && value;
  }, text);
  return shown.jsonValue();
}

test('with a token the page runs a query and shows the messages of a subscription, and asks nobody but this server', async () => {
  const { context, page, sockets, strangers, faults } = await open();
  const described = page.waitForResponse(
    (it) => it.request().method() === 'POST' && (it.request().postData() ?? '').includes('__schema') && it.ok(),
  );
  await signIn(page, `Bearer ${server.tokens.Bob}`);
  await described;

  await write(page, '{ me { id name } }');
  await run(page);
  assert.deepEqual(JSON.parse(await result(page, 'Bob')), { data: { me: { id: '2', name: 'Bob' } } });

  await write(page, 'subscription { messages(conversationId: 1) { id content senderName } }');
  await run(page);
  await sockets.take('the subscription', (it) => it.type === 'subscribe');
  // One round trip later the server has long read what the page sent.
  await get(server, 'Bob', '/api/chat/conversations/unread');
  const sent = await send(server, 'Alice', 1, 'Seen in the browser? 1 < 2');
  const shown = JSON.parse(await result(page, 'Seen in the browser?'));
  assert.deepEqual(shown, { data: { messages: { id: String(sent.id), content: sent.content, senderName: 'Alice' } } });

  // The same button stops it.
  await run(page);
  await sockets.take('the end of the subscription', (it) => it.type === 'complete');

  assert.deepEqual(strangers, []);
  assert.deepEqual(faults, []);
  await context.close();
});

test('the examples of the page are valid', async () => {
  const { context, page } = await open(`#token=${server.tokens.Alice}`);
  await page.waitForFunction(() => document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.getValue().includes('me {'));
  for (const [kind, name] of [
    ['query', 'Me'],
    ['query', 'Inbox'],
    ['mutation', 'Send'],
  ]) {
    await page.getByRole('tab', { name }).click();
    const answered = page.waitForResponse((it) => (it.request().postData() ?? '').includes(`${kind} ${name} {`));
    await run(page);
    const answer = await (await answered).json();
    assert.equal(answer.errors, undefined, `${name} failed: ${JSON.stringify(answer.errors)}`);
  }
  await context.close();
});

test('a token in the fragment is used, kept for a reload, and taken out of the address', async () => {
  const { context, page } = await open(`#token=${server.tokens.Alice}`);
  for (const time of ['opened', 'reloaded']) {
    assert.equal(page.url(), `${server.origin}/graphql`, time);
    await write(page, '{ me { name } }');
    await run(page);
    await result(page, 'Alice');
    await page.reload();
    await page.waitForSelector('.graphiql-query-editor .CodeMirror');
  }
  await context.close();
});

test('a refused token is told in words, and another one works at once', async () => {
  const { context, page } = await open('#token=not-a-token');
  await write(page, 'subscription { messages(conversationId: 1) { content } }');
  await run(page);
  assert.match(await result(page, '4403'), /The server refused the token/);

  await write(page, '{ me { name } }');
  await run(page);
  await result(page, 'UNAUTHENTICATED');

  await signIn(page, server.tokens.Carol);
  await run(page);
  await result(page, 'Carol');
  await context.close();
});
