// The browser's own way back, where one thing at a time is shown: from a panel to its conversation, from there to the list.
import { useEffect, useRef } from 'preact/hooks';
import type { Desk } from './desk';

const NARROW = matchMedia('(max-width: 560px)');

const depthOf = (desk: Desk): number => (desk.open ? (desk.panel ? 2 : 1) : 0);

/** Puts each step into the history, and takes it out again when it is taken back otherwise. */
export function useBack(desk: Desk): void {
  const depth = depthOf(desk);
  const now = useRef(desk);
  now.current = desk;
  /** How deep the history of the browser is. */
  const told = useRef(0);
  useEffect(() => {
    if (!NARROW.matches) return;
    if (depth < told.current) {
      const steps = depth - told.current;
      told.current = depth;
      history.go(steps);
    }
    while (told.current < depth) history.pushState({ desk: (told.current += 1) }, '');
  }, [depth]);
  useEffect(() => {
    const back = (event: PopStateEvent) => {
      const state = event.state as { desk?: number } | null;
      const wanted = state?.desk ?? 0;
      // What was taken back by a button is told, too, and is done.
      if (wanted >= told.current) return;
      told.current = wanted;
      if (wanted === 0) now.current.show(null);
      else if (wanted === 1) now.current.showPanel(null);
    };
    window.addEventListener('popstate', back);
    return () => window.removeEventListener('popstate', back);
  }, []);
}
