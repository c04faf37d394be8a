// Keeps a scrolled column where the reader is: at its end, or at the message that is in view, whatever comes above or grows.
import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { RefObject } from 'preact';

const NEAR_PIXELS = 48;

interface Held {
  readonly element: Element;
  readonly top: number;
}

export interface Anchor {
  readonly isAtEnd: boolean;
  toEnd(smooth?: boolean): void;
  /** Shows an element, from where the reader goes on. */
  toElement(element: HTMLElement, block: ScrollLogicalPosition): void;
  onScroll(): void;
}

/** `content` is the one child of `box`; its own children are what is held on to. */
export function useAnchor(box: RefObject<HTMLElement | null>, content: RefObject<HTMLElement | null>, version: unknown): Anchor {
  const [isAtEnd, setAtEnd] = useState(true);
  const end = useRef(true);
  const held = useRef<Held | null>(null);

  const look = useCallback(() => {
    const frame = box.current;
    if (!frame || !content.current) return;
    end.current = frame.scrollHeight - frame.scrollTop - frame.clientHeight < NEAR_PIXELS;
    setAtEnd(end.current);
    const top = frame.getBoundingClientRect().top;
    held.current = null;
    for (const element of content.current.children) {
      const box = element.getBoundingClientRect();
      if (box.bottom > top) {
        held.current = { element, top: box.top - top };
        break;
      }
    }
  }, [box, content]);

  const keep = useCallback(() => {
    const frame = box.current;
    if (!frame) return;
    if (end.current) {
      frame.scrollTop = frame.scrollHeight;
    } else if (held.current?.element.isConnected) {
      const now = held.current.element.getBoundingClientRect().top - frame.getBoundingClientRect().top;
      frame.scrollTop += now - held.current.top;
    }
  }, [box]);

  useLayoutEffect(keep, [version, keep]);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(keep);
    if (box.current) observer.observe(box.current);
    if (content.current) observer.observe(content.current);
    return () => observer.disconnect();
  }, [box, content, keep]);

  const toEnd = useCallback(
    (smooth = false) => {
      end.current = true;
      setAtEnd(true);
      box.current?.scrollTo({ top: box.current.scrollHeight, behavior: smooth ? 'smooth' : 'instant' });
    },
    [box],
  );
  const toElement = useCallback(
    (element: HTMLElement, block: ScrollLogicalPosition) => {
      end.current = false;
      const frame = box.current;
      if (!frame) return;
      const [outer, inner] = [frame.getBoundingClientRect(), element.getBoundingClientRect()];
      const lead = block === 'center' ? (outer.height - inner.height) / 2 : 72;
      frame.scrollTop += inner.top - outer.top - Math.max(24, lead);
      look();
    },
    [box, look],
  );
  return { isAtEnd, toEnd, toElement, onScroll: look };
}
