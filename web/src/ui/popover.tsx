// What opens at a button: menus, pickers. The browser closes it on Escape and on a click elsewhere.
import type { ComponentChildren, RefObject, TargetedKeyboardEvent } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { Icon, type IconName } from './icons';

const GAP = 8;

/** Beside its anchor, below it where there is room, and never outside of the window. */
export function Popover(props: {
  anchor: RefObject<HTMLElement | null>;
  onClose: () => void;
  label: string;
  class?: string;
  role?: 'menu' | 'dialog';
  children: ComponentChildren;
}) {
  const { anchor, onClose, label, role = 'dialog', children } = props;
  const self = useRef<HTMLDivElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  useLayoutEffect(() => {
    const [box, at] = [self.current, anchor.current];
    if (!box || !at) return;
    box.showPopover();
    const place = () => {
      const [from, own] = [at.getBoundingClientRect(), box.getBoundingClientRect()];
      const isRoomBelow = from.bottom + GAP + own.height < innerHeight - GAP;
      const top = isRoomBelow ? from.bottom + GAP : Math.max(GAP, from.top - GAP - own.height);
      // Inside of its own window, where that is wide enough.
      const pane = at.closest('.window')?.getBoundingClientRect();
      const [start, end] = pane && pane.width > own.width ? [pane.left, pane.right] : [0, innerWidth];
      const left = from.left + own.width < end - GAP ? from.left : from.right - own.width;
      box.style.top = `${top}px`;
      box.style.left = `${Math.max(start + GAP, Math.min(left, end - own.width - GAP))}px`;
    };
    place();
    const observer = new ResizeObserver(place);
    observer.observe(box);
    const onToggle = (event: ToggleEvent) => {
      if (event.newState === 'closed') close.current();
    };
    box.addEventListener('toggle', onToggle as EventListener);
    (box.querySelector<HTMLElement>('[autofocus],[data-first]') ?? box.querySelector<HTMLElement>('button,input'))?.focus();
    return () => {
      observer.disconnect();
      box.removeEventListener('toggle', onToggle as EventListener);
      const held = box.contains(document.activeElement);
      if (box.matches(':popover-open')) box.hidePopover();
      if (held) at.focus();
    };
  }, []);
  return (
    <div ref={self} popover="auto" class={`popover ${props.class ?? ''}`} role={role} aria-label={label}>
      {children}
    </div>
  );
}

export interface Choice {
  readonly icon?: IconName;
  readonly label: string;
  readonly isDangerous?: boolean;
  readonly isChosen?: boolean;
  readonly run: () => void;
}

/** A menu, which the arrow keys go through. */
export function Menu(props: { anchor: RefObject<HTMLElement | null>; onClose: () => void; label: string; choices: readonly (Choice | null)[] }) {
  const { anchor, onClose, label, choices } = props;
  const list = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    const items = [...(list.current?.querySelectorAll<HTMLElement>('[role^=menuitem]') ?? [])];
    const now = items.indexOf(document.activeElement as HTMLElement);
    const next = ({ ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: items.length - 1 } as Record<string, number>)[event.key];
    if (next === undefined) return;
    event.preventDefault();
    items[(next + items.length) % items.length]?.focus();
  };
  return (
    <Popover anchor={anchor} onClose={onClose} label={label} role="menu" class="menu">
      <div ref={list} onKeyDown={onKeyDown} role="presentation">
        {choices.map((choice, index) =>
          choice ? (
            <button
              key={choice.label}
              type="button"
              role={choice.isChosen === undefined ? 'menuitem' : 'menuitemradio'}
              aria-checked={choice.isChosen}
              class={choice.isDangerous ? 'dangerous' : ''}
              onClick={() => {
                onClose();
                choice.run();
              }}
            >
              {choice.icon ? <Icon name={choice.icon} size={18} /> : null}
              <span>{choice.label}</span>
              {choice.isChosen ? <Icon name="check" size={16} /> : null}
            </button>
          ) : (
            <hr key={`line-${index}`} />
          ),
        )}
      </div>
    </Popover>
  );
}

/** Over everything, until it is closed. The browser keeps the focus inside. */
export function Dialog(props: { onClose: () => void; label: string; class?: string; children: ComponentChildren }) {
  const { onClose, label, children } = props;
  const self = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const box = self.current;
    const before = document.activeElement as HTMLElement | null;
    box?.showModal();
    return () => {
      box?.close();
      before?.focus();
    };
  }, []);
  return (
    <dialog
      ref={self}
      class={`dialog ${props.class ?? ''}`}
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === self.current) onClose();
      }}
    >
      {children}
    </dialog>
  );
}

export function IconButton(props: {
  icon: IconName;
  label: string;
  onClick: (event: MouseEvent) => void;
  class?: string;
  size?: number;
  disabled?: boolean;
  pressed?: boolean;
  expanded?: boolean;
  anchor?: RefObject<HTMLButtonElement | null>;
}) {
  return (
    <button
      ref={props.anchor}
      type="button"
      class={`icon-button ${props.class ?? ''}`}
      aria-label={props.label}
      title={props.label}
      aria-pressed={props.pressed}
      aria-expanded={props.expanded}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      <Icon name={props.icon} size={props.size ?? 20} />
    </button>
  );
}
