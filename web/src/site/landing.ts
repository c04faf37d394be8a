// The landing page: how the server is, and links to what it has.
import { about, server } from '../about';

const LOOK_AGAIN = 5_000;

export function showLanding(): void {
  const graphiql = document.querySelector<HTMLAnchorElement>('[data-graphiql]');
  if (graphiql && !about.graphiql) graphiql.href = 'docs#protocol/6-graphql';
  void preferReference();
  void watchHealth();
}

/** A server that has a reference of its endpoints as a page of its own is linked to that. */
async function preferReference(): Promise<void> {
  const link = document.querySelector<HTMLAnchorElement>('[data-rest]');
  const answer = await fetch(`${server}/api/docs`, { method: 'HEAD', headers: { accept: 'text/html' } }).catch(() => null);
  if (link && answer?.ok) link.href = 'api/docs';
}

async function watchHealth(): Promise<void> {
  const [text, lamp] = ['[data-health]', '[data-lamp]'].map((it) => document.querySelector<HTMLElement>(it));
  for (;;) {
    const answer = await fetch(`${server}/health/ready`, { cache: 'no-store' }).catch(() => null);
    const [word, state] = answer?.ok ? ['Ready', 'up'] : answer ? ['Not ready', 'away'] : ['Not answering', 'down'];
    if (text && text.textContent !== word) text.textContent = word ?? '';
    if (lamp) lamp.dataset.lamp = state;
    await new Promise((done) => setTimeout(done, LOOK_AGAIN));
  }
}
