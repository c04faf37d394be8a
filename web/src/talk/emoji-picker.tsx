// Choosing an emoji: by eye, by its name, with the arrow keys.
import { useMemo, useRef, useState } from 'preact/hooks';
import type { RefObject, TargetedKeyboardEvent } from 'preact';
import { Popover } from '../ui/popover';
import { GROUPS } from './emoji-list';

const COLUMNS = 8;
const KEY = 'confab.emoji';
const MAX_RECENT = 16;

function recent(): readonly string[] {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '[]') as string[];
  } catch {
    return [];
  }
}

export function remember(emoji: string): void {
  try {
    localStorage.setItem(KEY, JSON.stringify([emoji, ...recent().filter((it) => it !== emoji)].slice(0, MAX_RECENT)));
  } catch {
    // A browser that keeps nothing for pages.
  }
}

export function EmojiPicker(props: { anchor: RefObject<HTMLElement | null>; onClose: () => void; onPick: (emoji: string) => void }) {
  const { anchor, onClose, onPick } = props;
  const [text, setText] = useState('');
  const body = useRef<HTMLDivElement>(null);
  const groups = useMemo(() => {
    const words = text.trim().toLowerCase();
    if (words) {
      const found = GROUPS.flatMap((group) => group.emoji).filter(([emoji, names]) => names.includes(words) || emoji === words);
      const unique = [...new Map(found).entries()];
      return [{ name: found.length ? 'Found' : 'Nothing is called so', icon: '', emoji: unique }];
    }
    const names = new Map(GROUPS.flatMap((group) => group.emoji));
    const used = recent().map((emoji) => [emoji, names.get(emoji) ?? 'used before'] as const);
    return used.length ? [{ name: 'Used before', icon: '🕘', emoji: used }, ...GROUPS] : GROUPS;
  }, [text]);

  const onKeyDown = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    const step = ({ ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS } as Record<string, number>)[event.key];
    if (!step) return;
    const all = [...(body.current?.querySelectorAll<HTMLElement>('.emoji') ?? [])];
    const now = all.indexOf(document.activeElement as HTMLElement);
    if (now < 0 && event.key !== 'ArrowDown') return;
    event.preventDefault();
    all[now < 0 ? 0 : Math.max(0, Math.min(all.length - 1, now + step))]?.focus();
  };
  const pick = (emoji: string) => {
    remember(emoji);
    onClose();
    onPick(emoji);
  };

  return (
    <Popover anchor={anchor} onClose={onClose} label="Emoji" class="emoji-picker">
      <div onKeyDown={onKeyDown} role="presentation">
        <input
          type="search"
          data-first
          placeholder="Find an emoji"
          aria-label="Find an emoji"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            const first = groups[0]?.emoji[0]?.[0];
            if (event.key === 'Enter' && text.trim() && first) pick(first);
          }}
        />
        <div class="emoji-body" ref={body} tabIndex={-1}>
          {groups.map((group) => (
            <section key={group.name} aria-label={group.name}>
              <h3>{group.name}</h3>
              <div class="emoji-grid">
                {group.emoji.map(([emoji, names]) => (
                  <button key={emoji} type="button" class="emoji" aria-label={`${names} ${emoji}`} title={names} onClick={() => pick(emoji)}>
                    {emoji}
                  </button>
                ))}
              </div>
            </section>
          ))}
        </div>
      </div>
    </Popover>
  );
}
