// As much Markdown as the documents of this repository use, made into nodes: no text becomes markup on its way.

export interface Heading {
  readonly level: number;
  readonly text: string;
  readonly id: string;
}

type Resolve = (address: string) => string | null;

export function render(text: string, resolve: Resolve): { nodes: Node[]; headings: Heading[] } {
  const headings: Heading[] = [];
  return { nodes: blocks(text.replace(/\r/g, '').split('\n'), resolve, headings), headings };
}

const ITEM = /^(\s*)([-*]|\d+\.)\s+(.*)$/;

function blocks(lines: string[], resolve: Resolve, headings: Heading[]): Node[] {
  const nodes: Node[] = [];
  let at = 0;
  const paragraph: string[] = [];
  const flush = () => {
    if (paragraph.length) nodes.push(element('p', inline(paragraph.splice(0).join(' '), resolve)));
  };
  while (at < lines.length) {
    const line = lines[at] ?? '';
    const fence = /^\s*(```+)/.exec(line);
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    if (fence || (/^ {4}/.test(line) && paragraph.length === 0 && line.trim())) {
      flush();
      const code: string[] = [];
      if (fence) {
        at += 1;
        while (at < lines.length && !(lines[at] ?? '').trim().startsWith(fence[1] ?? '```')) code.push(lines[at++] ?? '');
        at += 1;
      } else {
        while (at < lines.length && /^( {4}|\s*$)/.test(lines[at] ?? '')) code.push((lines[at++] ?? '').slice(4));
      }
      const pre = element('pre', [element('code', [code.join('\n').trimEnd()])]);
      pre.tabIndex = 0;
      nodes.push(pre);
    } else if (heading) {
      flush();
      const level = (heading[1] ?? '#').length;
      const content = inline(heading[2] ?? '', resolve);
      const title = element(`h${level}`, content);
      const words = title.textContent ?? '';
      title.id = slug(words);
      headings.push({ level, text: words, id: title.id });
      nodes.push(title);
      at += 1;
    } else if (line.trim().startsWith('|') && /^\s*\|[\s:|-]+\|\s*$/.test(lines[at + 1] ?? '')) {
      flush();
      const rows: string[] = [];
      while ((lines[at] ?? '').trim().startsWith('|')) rows.push(lines[at++] ?? '');
      nodes.push(table(rows, resolve));
    } else if (ITEM.test(line)) {
      flush();
      const [node, next] = items(lines, at, resolve, headings);
      nodes.push(node);
      at = next;
    } else {
      if (line.trim()) paragraph.push(line.trim());
      else flush();
      at += 1;
    }
  }
  flush();
  return nodes;
}

/** The list that begins at a line, and where it ends. What is indented below an item belongs to it. */
function items(lines: string[], start: number, resolve: Resolve, headings: Heading[]): [Node, number] {
  const first = ITEM.exec(lines[start] ?? '');
  const indent = (first?.[1] ?? '').length;
  const list = element(/\d/.test(first?.[2] ?? '') ? 'ol' : 'ul', []);
  let at = start;
  while (at < lines.length) {
    const item = ITEM.exec(lines[at] ?? '');
    if (!item || (item[1] ?? '').length !== indent) break;
    const inner = [item[3] ?? ''];
    const width = (lines[at] ?? '').length - (item[3] ?? '').length;
    at += 1;
    while (at < lines.length) {
      const line = lines[at] ?? '';
      const depth = line.length - line.trimStart().length;
      const goesOn = line.trim() === '' ? /^\s{2,}\S/.test(lines[at + 1] ?? '') : depth > indent;
      if (!goesOn) break;
      inner.push(line.slice(Math.min(width, depth)));
      at += 1;
    }
    const content = blocks(inner, resolve, headings);
    const only = content.length === 1 && content[0] instanceof HTMLParagraphElement ? [...content[0].childNodes] : content;
    list.append(element('li', only));
    if ((lines[at] ?? '').trim() === '' && ITEM.test(lines[at + 1] ?? '')) at += 1;
  }
  return [list, at];
}

function table(rows: string[], resolve: Resolve): Node {
  const cells = (row: string) =>
    row
      .trim()
      .replace(/^\||\|$/g, '')
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replace(/\\\|/g, '|'));
  const [head = '', , ...body] = rows;
  // A head without a word heads nothing.
  const made = (tag: string, row: string) =>
    element('tr', cells(row).map((cell) => element(cell ? tag : 'td', inline(cell, resolve))));
  const heads = cells(head).some((cell) => cell !== '') ? [element('thead', [made('th', head)])] : [];
  const frame = element('div', [element('table', [...heads, element('tbody', body.map((row) => made('td', row)))])]);
  frame.className = 'table';
  frame.tabIndex = 0;
  frame.setAttribute('role', 'group');
  frame.setAttribute('aria-label', 'Table');
  return frame;
}

const INLINE = /(`+)(.+?)\1|\*\*(.+?)\*\*|(?<![\w*])\*([^*\s][^*]*?)\*(?![\w*])|!?\[((?:[^\]\\[]|\\.|\[[^\]]*\])*)\]\(([^)\s]+)\)/g;

function inline(text: string, resolve: Resolve): (Node | string)[] {
  const nodes: (Node | string)[] = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    nodes.push(text.slice(from, match.index));
    from = match.index + match[0].length;
    const [whole, , code, strong, em, label, address] = match;
    if (code !== undefined) nodes.push(element('code', [code.trim()]));
    else if (strong !== undefined) nodes.push(element('strong', inline(strong, resolve)));
    else if (em !== undefined) nodes.push(element('em', inline(em, resolve)));
    else if (whole.startsWith('!')) continue;
    else nodes.push(...link(label ?? '', address ?? '', resolve));
  }
  nodes.push(text.slice(from));
  return nodes;
}

function link(label: string, address: string, resolve: Resolve): (Node | string)[] {
  const target = resolve(address);
  const words = inline(label, resolve);
  if (target === null) return words;
  const link = element('a', words);
  link.setAttribute('href', target);
  return [link];
}

/** As the forge makes the ids of headings, so that links of the repository hold here. */
function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

function element(tag: string, children: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag);
  made.append(...children);
  return made;
}
