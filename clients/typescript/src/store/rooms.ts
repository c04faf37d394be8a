// All lists of messages and threads that somebody has looked at.
import type { Messages, ThreadState } from '../api.js';
import { ConfabError } from '../errors.js';
import type { Id, StoredMessage } from '../model.js';
import type { Readable } from '../observable.js';
import type { ChatEvent, Link } from '../transport.js';
import type { HolderOwner } from './holder.js';
import { Room } from './room.js';
import { Thread } from './thread.js';

/** Lists that are kept while nobody looks at them; of others what is looked at again is read again. */
const MAX_UNWATCHED = 20;

export class Rooms {
  readonly #owner: HolderOwner;
  /** The one that was looked at last is last. */
  readonly #rooms = new Map<Id, Room>();
  readonly #threads = new Map<Id, Thread>();

  constructor(owner: HolderOwner) {
    this.#owner = owner;
  }

  messages(conversationId: Id): Messages {
    return this.#holder(this.#rooms, conversationId, Room);
  }

  thread(messageId: Id): Readable<ThreadState> {
    return this.#holder(this.#threads, messageId, Thread);
  }

  find(messageId: Id): StoredMessage | undefined {
    for (const holder of this.#all()) {
      const found = holder.find(messageId);
      if (found) return found;
    }
    return undefined;
  }

  apply(conversationId: Id, event: ChatEvent): void {
    for (const holder of this.#of(conversationId)) holder.apply(event);
  }

  answer(message: StoredMessage): void {
    for (const holder of this.#of(message.conversationId)) holder.answer(message);
  }

  answerReactions(messageId: Id, reactions: StoredMessage['reactions']): void {
    for (const holder of this.#all()) if (holder.find(messageId)) holder.answerReactions(messageId, reactions);
  }

  /** What the outbox shows there has changed. */
  touch(conversationId: Id): void {
    for (const holder of this.#of(conversationId)) holder.touch();
  }

  /** A message is shown otherwise. */
  touchMessage(messageId: Id): void {
    for (const holder of this.#all()) if (holder.find(messageId)) holder.touch();
  }

  /** What was on its way has arrived, or was refused. */
  release(conversationId: Id): void {
    for (const holder of this.#of(conversationId)) holder.release();
  }

  /** The viewer is in it no more, or again. */
  close(conversationId: Id, isGone: boolean): void {
    for (const holder of this.#of(conversationId)) {
      const isKnown = holder.conversationId !== undefined;
      if (isGone) holder.unload(isKnown ? new ConfabError('FORBIDDEN', 'You are not a participant in this conversation') : null);
      // Whose a thread is that is being loaded the server will say.
      if (!isGone || !isKnown) holder.want();
    }
  }

  /** There was a gap: what is looked at is read anew, and stays on the screen meanwhile. */
  async reload(link: Link): Promise<void> {
    const read: Promise<void>[] = [];
    for (const holder of this.#all()) {
      if (!holder.isWatched) holder.unload();
      else if (holder.isLoaded) read.push(holder.load(link));
    }
    await Promise.all(read);
  }

  /** There is a connection again: what could not be loaded is. */
  online(): void {
    for (const holder of this.#all()) holder.want();
  }

  #holder<T extends Room | Thread>(holders: Map<Id, T>, id: Id, Kind: new (id: Id, owner: HolderOwner, watched: () => void) => T): T {
    const known = holders.get(id);
    if (known) return known;
    const made = new Kind(id, this.#owner, () => {
      holders.delete(id);
      holders.set(id, made);
      made.want();
      const unwatched = [...holders.values()].filter((it) => !it.isWatched);
      for (const holder of unwatched.slice(0, -MAX_UNWATCHED)) holder.unload();
    });
    holders.set(id, made);
    return made;
  }

  #all(): (Room | Thread)[] {
    return [...this.#rooms.values(), ...this.#threads.values()];
  }

  #of(conversationId: Id): (Room | Thread)[] {
    const room = this.#rooms.get(conversationId);
    // A thread that is being loaded may be of this conversation; it takes what belongs to it.
    const threads = [...this.#threads.values()].filter((it) => (it.conversationId ?? conversationId) === conversationId);
    return room ? [room, ...threads] : threads;
  }
}
