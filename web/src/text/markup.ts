// What a message says, as a tree. Content is plain text, or text with the server's few elements in it: then, and only then,
// it is read as markup. Anything else in angle brackets is text, and nothing ever becomes HTML on its way to the screen.

export type Piece = string | { readonly tag: string; readonly href?: string; readonly children: Piece[] };

const TAGS = new Set('a b blockquote br code em i li ol p pre s strong u ul'.split(' '));
const TAG = /<(\/?)([a-z]+)((?:\s[^<>]*)?)\/?>/gi;
const ADDRESS = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/gi;
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: '\u00a0', apos: "'" };

export function parse(content: string): Piece[] {
  const hasMarkup = [...content.matchAll(TAG)].some(([, , name = '']) => TAGS.has(name.toLowerCase()));
  return hasMarkup ? tree(content) : linked(content);
}

/** Without any marks, for a line in a list. */
export function plain(content: string): string {
  const flat = (pieces: Piece[]): string =>
    pieces.map((piece) => (typeof piece === 'string' ? piece : piece.tag === 'br' ? ' ' : flat(piece.children))).join('');
  return flat(parse(content)).replace(/\s+/g, ' ').trim();
}

/** Up to three emoji and nothing else, which are shown large. */
export function isEmojiOnly(content: string): boolean {
  const bare = content.replace(/\s/g, '');
  if (!bare || bare.length > 24 || !/^[\p{Extended_Pictographic}\p{Emoji_Component}\u200d\ufe0f]+$/u.test(bare)) return false;
  const signs = [...new Intl.Segmenter().segment(bare)];
  return signs.length <= 3 && /\p{Extended_Pictographic}|\p{Regional_Indicator}/u.test(bare);
}

function tree(content: string): Piece[] {
  const root: Piece[] = [];
  const open: { tag: string; children: Piece[] }[] = [];
  const here = () => open[open.length - 1]?.children ?? root;
  const text = (raw: string) => {
    if (raw) here().push(...(open.some((it) => it.tag === 'a') ? [decode(raw)] : linked(decode(raw))));
  };
  let from = 0;
  for (const match of content.matchAll(TAG)) {
    const [whole, slash, name = '', attributes = ''] = match;
    const tag = name.toLowerCase();
    if (!TAGS.has(tag)) continue;
    text(content.slice(from, match.index));
    from = match.index + whole.length;
    if (tag === 'br') {
      here().push({ tag, children: [] });
    } else if (slash) {
      const depth = open.map((it) => it.tag).lastIndexOf(tag);
      if (depth >= 0) open.length = depth;
    } else {
      const element = { tag, children: [], ...(tag === 'a' ? { href: target(attributes) } : {}) };
      here().push(element);
      open.push(element);
    }
  }
  text(content.slice(from));
  return root;
}

/** Where a link leads; nowhere for anything but the web and mail. */
function target(attributes: string): string | undefined {
  const raw = /\shref\s*=\s*(?:"([^"]*)"|'([^']*)')/i.exec(attributes);
  const href = decode(raw?.[1] ?? raw?.[2] ?? '');
  return /^(https?:\/\/|mailto:)/i.test(href) ? href : undefined;
}

function decode(text: string): string {
  return text.replace(/&(#x[0-9a-f]{1,6}|#\d{1,7}|[a-z]+);/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return ENTITIES[name.toLowerCase()] ?? whole;
    const code = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** Addresses of the web as links. */
function linked(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    if (match.index > from) pieces.push(text.slice(from, match.index));
    pieces.push({ tag: 'a', href: match[0], children: [match[0]] });
    from = match.index + match[0].length;
  }
  if (from < text.length) pieces.push(text.slice(from));
  return pieces;
}
