// Messages as they stand in a column: with days between them, and grouped by who said them in one go.
import type { Message } from '@confab/client';
import { dayKey } from '../text/times';

export type Row =
  | { readonly kind: 'day'; readonly key: string; readonly time: string }
  | { readonly kind: 'new'; readonly key: string }
  | { readonly kind: 'message'; readonly key: string; readonly message: Message; readonly isFirst: boolean; readonly isLast: boolean };

const ONE_GO = 5 * 60_000;

function isOneGo(one: Message | undefined, other: Message | undefined): boolean {
  if (!one || !other || one.senderId !== other.senderId) return false;
  const apart = new Date(other.createdAt).getTime() - new Date(one.createdAt).getTime();
  return apart < ONE_GO && dayKey(one.createdAt) === dayKey(other.createdAt);
}

/** `firstNew`: the key of the first message that the viewer had not read on coming here. */
export function rows(messages: readonly Message[], firstNew: string | null): Row[] {
  const made: Row[] = [];
  let day = Number.NaN;
  messages.forEach((message, index) => {
    const [before, after] = [messages[index - 1], messages[index + 1]];
    const itsDay = dayKey(message.createdAt);
    if (itsDay !== day) made.push({ kind: 'day', key: `day ${itsDay}`, time: message.createdAt });
    day = itsDay;
    if (message.key === firstNew) made.push({ kind: 'new', key: 'new' });
    const isFirst = message.key === firstNew || !isOneGo(before, message);
    const isLast = after?.key === firstNew || !isOneGo(message, after);
    made.push({ kind: 'message', key: message.key, message, isFirst, isLast });
  });
  return made;
}
