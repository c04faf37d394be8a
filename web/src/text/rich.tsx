// The tree of a message as nodes.
import { h, type ComponentChildren } from 'preact';
import { parse, type Piece } from './markup';

function node(piece: Piece): ComponentChildren {
  if (typeof piece === 'string') return piece;
  const { tag, href, children } = piece;
  if (tag === 'br') return h('br', null);
  if (tag !== 'a') return h(tag, null, children.map(node));
  return href ? h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, children.map(node)) : children.map(node);
}

export function Rich({ content }: { content: string }) {
  return <>{parse(content).map(node)}</>;
}
