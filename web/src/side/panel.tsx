// What stands beside a conversation: its head, with a way to close it.
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useDesk } from '../desk';
import { IconButton } from '../ui/popover';

export function SidePanel(props: { title: string; class?: string; children: ComponentChildren }) {
  const { name, showPanel } = useDesk();
  const self = useRef<HTMLElement>(null);
  // Whoever was in it goes on where they came from.
  useLayoutEffect(() => {
    const box = self.current;
    const before = document.activeElement instanceof HTMLElement && !box?.contains(document.activeElement) ? document.activeElement : null;
    return () => {
      if (box?.contains(document.activeElement) && before?.isConnected) requestAnimationFrame(() => before.focus());
    };
  }, []);
  return (
    <aside
      ref={self}
      class={`panel ${props.class ?? ''}`}
      aria-label={`${props.title}, as ${name} sees it`}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !event.defaultPrevented) showPanel(null);
      }}
    >
      <header class="panel-head">
        <IconButton icon="back" label="Back" class="only-narrow" onClick={() => showPanel(null)} />
        <h2>{props.title}</h2>
        <IconButton icon="close" label="Close" class="not-narrow" onClick={() => showPanel(null)} />
      </header>
      {props.children}
    </aside>
  );
}
