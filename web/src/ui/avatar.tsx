// People and groups as discs: their picture, else their initials on a colour of their own.
import { useState } from 'preact/hooks';
import type { PresenceStatus } from '@confab/client';

const HUES = 8;

/** The same for the same name and id wherever it is shown. */
function hue(seed: string): number {
  if (/^\d+$/.test(seed)) return (Number(seed) * 5 + 3) % HUES;
  let sum = 7;
  for (const character of seed) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return sum % HUES;
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter((word) => /\p{L}|\p{N}/u.test(word));
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
  return letters.map((word) => [...(word ?? '?')][0] ?? '').join('').toUpperCase();
}

export function Avatar(props: { id: string; name: string; url?: string | null; size?: number; presence?: PresenceStatus | null; group?: boolean }) {
  const { id, name, url, size = 40, presence, group } = props;
  const [broken, setBroken] = useState<string | null>(null);
  return (
    <span class={`avatar size-${size} hue-${hue(id)}${group ? ' group' : ''}`} aria-hidden="true">
      {url && url !== broken ? (
        <img src={url} alt="" referrerpolicy="no-referrer" loading="lazy" onError={() => setBroken(url)} />
      ) : (
        <span class="initials">{initials(name)}</span>
      )}
      {presence ? <Dot status={presence} /> : null}
    </span>
  );
}

export function Dot({ status }: { status: PresenceStatus }) {
  return <span class={`dot ${status.toLowerCase()}`} />;
}

export const STATUS_WORDS: Readonly<Record<PresenceStatus, string>> = {
  ONLINE: 'Online',
  AWAY: 'Away',
  DND: 'Do not disturb',
  OFFLINE: 'Offline',
};
