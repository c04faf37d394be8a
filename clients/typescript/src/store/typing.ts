// Who types, until they stop, or their client is not heard of any more.
import { DerivedByName, type Readable } from '../observable.js';
import type { Id, Typist } from '../model.js';
import type { TypingNotice } from '../transport.js';

/** Where the clocks of server and machine differ, what the notice says of its end means nothing. */
const DEFAULT_TTL_MS = 6_000;
const LONGEST_TTL_MS = 60_000;
/** A notice of going on may be on its way when the time of the one before is over. */
const GRACE_MS = 1_000;

interface Entry {
  readonly typist: Typist;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class Typing {
  readonly #rooms = new Map<Id, Map<Id, Entry>>();
  readonly #shown = new DerivedByName<readonly Typist[]>((id) => [...(this.#rooms.get(id)?.values() ?? [])].map((it) => it.typist));

  in(conversationId: Id): Readable<readonly Typist[]> {
    return this.#shown.of(conversationId);
  }

  notice({ conversationId, userId, userName, typing, expiresAt }: TypingNotice): void {
    this.#end(conversationId, userId);
    if (!typing) return;
    const left = expiresAt ? Date.parse(expiresAt) - Date.now() : 0;
    const ttl = left > 0 && left < LONGEST_TTL_MS ? left + GRACE_MS : DEFAULT_TTL_MS;
    const timer = setTimeout(() => this.#end(conversationId, userId), ttl);
    let room = this.#rooms.get(conversationId);
    if (!room) this.#rooms.set(conversationId, (room = new Map()));
    room.set(userId, { typist: { userId, userName }, timer });
    this.#shown.touch(conversationId);
  }

  clear(): void {
    for (const [conversationId, room] of this.#rooms) {
      for (const userId of [...room.keys()]) this.#end(conversationId, userId);
    }
  }

  /** After a reconnect nobody is known to type. Where somebody looks, it is asked for. */
  refresh(fetch: (conversationId: Id) => Promise<readonly TypingNotice[]>): void {
    this.clear();
    for (const id of this.#shown.watched()) fetch(id).then((all) => all.forEach((it) => this.notice(it)), () => {});
  }

  #end(conversationId: Id, userId: Id): void {
    const room = this.#rooms.get(conversationId);
    const entry = room?.get(userId);
    if (!room || !entry) return;
    clearTimeout(entry.timer);
    room.delete(userId);
    this.#shown.touch(conversationId);
  }
}
