// Messages in the order of their ids, each once, as the server told them last.
import { compareIds, type Id, type ReactionCount, type StoredMessage } from '../model.js';
import type { EventMessage } from '../transport.js';

export class Shelf {
  /** Sorted; made anew with each change, so that whoever holds it sees no change. */
  items: readonly StoredMessage[] = [];

  get oldest(): StoredMessage | undefined {
    return this.items[0];
  }

  get newest(): StoredMessage | undefined {
    return this.items[this.items.length - 1];
  }

  find(id: Id): StoredMessage | undefined {
    const place = this.#place(id);
    const there = this.items[place];
    return there?.id === id ? there : undefined;
  }

  /** Puts it at its place, or in the place of what is known of it. */
  put(message: StoredMessage): void {
    const place = this.#place(message.id);
    const known = this.items[place]?.id === message.id ? 1 : 0;
    this.items = [...this.items.slice(0, place), message, ...this.items.slice(place + known)];
  }

  /** Puts many at a time. */
  putAll(messages: readonly StoredMessage[]): void {
    const all = new Map(this.items.map((it) => [it.id, it]));
    for (const message of messages) all.set(message.id, message);
    this.items = [...all.values()].sort((a, b) => compareIds(a.id, b.id));
  }

  /** Forgets what is older than this one. */
  cutBefore(id: Id): void {
    this.items = this.items.slice(this.#place(id));
  }

  clear(): void {
    this.items = [];
  }

  /** Where the id is, or would be: nearly always at the end, so it is looked for from there. */
  #place(id: Id): number {
    let low = 0;
    let high = this.items.length;
    const last = this.newest;
    if (!last || compareIds(last.id, id) < 0) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareIds((this.items[middle] as StoredMessage).id, id) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * What an event says of a message, with what only the viewer is told and no event says. Where the event is older than what
 * is known (the log is replayed after a page was read), the newer text stays.
 */
export function told(message: EventMessage, known: StoredMessage | undefined): StoredMessage {
  if (known?.isDeleted) return known;
  const next: StoredMessage = {
    ...message,
    tempId: message.tempId ?? known?.tempId ?? null,
    // What is replayed shows the present, and the replies since are told behind it: they are counted as they come.
    replyCount: known?.replyCount ?? 0,
    reactions: withViewer(message.reactions, known?.reactions),
  };
  if (!known || next.isDeleted || (known.editedAt ?? '') <= (next.editedAt ?? '')) return next;
  return { ...next, content: known.content, isEdited: known.isEdited, editedAt: known.editedAt };
}

/** The counts of an event; which are the viewer's is as it was, but for what the viewer has just done. */
export function withViewer(
  counts: readonly Omit<ReactionCount, 'viewerReacted'>[],
  known: readonly ReactionCount[] | undefined,
  own?: { readonly emoji: string; readonly added: boolean },
): readonly ReactionCount[] {
  return counts.map(({ emoji, count }) => ({
    emoji,
    count,
    viewerReacted: own?.emoji === emoji ? own.added : (known?.find((it) => it.emoji === emoji)?.viewerReacted ?? false),
  }));
}
