// The words around what a search found, without any HTML.

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#x27': "'" };

/** The text of a snippet in pieces, each a match or not, so that it can be shown without trusting markup. */
export function marks(snippet: string): readonly { readonly text: string; readonly isMatch: boolean }[] {
  return snippet
    .split(/(<mark>.*?<\/mark>)/s)
    .filter((piece) => piece !== '')
    .map((piece) => {
      const isMatch = piece.startsWith('<mark>');
      const inner = isMatch ? piece.slice(6, -7) : piece;
      return { text: inner.replace(/&(#?\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole), isMatch };
    });
}
