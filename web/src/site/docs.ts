// The docs: documents of the repository, shown with their contents beside them.
import { followTheme } from '../theme';
import { render, type Heading } from './markdown';

/** `#protocol/4-rest`: the document, and the heading in it. */
function place(): [string, string] {
  const [book = '', heading = ''] = decodeURIComponent(location.hash.slice(1)).split('/');
  return [book || 'readme', heading];
}

let shown = '';

export function showDocs(): void {
  window.addEventListener('hashchange', () => void show());
  followTheme(() => {});
  void show();
}

async function show(): Promise<void> {
  const [book, heading] = place();
  const links = [...document.querySelectorAll<HTMLAnchorElement>('[data-book]')];
  const link = links.find((it) => it.getAttribute('href') === `#${book}`) ?? links[0];
  const main = document.querySelector<HTMLElement>('main.text');
  const contents = document.querySelector<HTMLElement>('nav.contents');
  if (!link || !main || !contents) return;
  if (shown !== book) {
    shown = book;
    for (const it of links) it.removeAttribute('aria-current');
    link.setAttribute('aria-current', 'page');
    const answer = await fetch(link.dataset.book ?? '').catch(() => null);
    if (!answer?.ok) {
      main.textContent = 'This document cannot be read now.';
      shown = '';
      return;
    }
    const { nodes, headings } = render(await answer.text(), (address) => resolve(address, book));
    main.replaceChildren(...nodes);
    contents.replaceChildren(list(headings, book));
    document.title = `${headings[0]?.text ?? 'Docs'} · confab`;
    window.scrollTo(0, 0);
  }
  if (heading) document.getElementById(heading)?.scrollIntoView();
}

/** A link of the repository as one of this page, where it leads to a document that is here; null where it does not. */
function resolve(address: string, book: string): string | null {
  if (/^[a-z]+:/i.test(address)) return address;
  const [path = '', heading = ''] = address.split('#');
  const name = (path.split('/').pop() ?? '').replace(/\.md$/, '').toLowerCase();
  const target = path === '' ? book : name;
  if (!document.querySelector(`[data-book][href="#${CSS.escape(target)}"]`)) return null;
  return `#${target}${heading ? `/${heading}` : ''}`;
}

function list(headings: readonly Heading[], book: string): HTMLElement {
  const list = document.createElement('ol');
  for (const { level, text, id } of headings) {
    if (level < 2 || level > 3) continue;
    const item = document.createElement('li');
    item.className = `level-${level}`;
    const link = document.createElement('a');
    link.href = `#${book}/${id}`;
    link.textContent = text;
    item.append(link);
    list.append(item);
  }
  return list;
}
