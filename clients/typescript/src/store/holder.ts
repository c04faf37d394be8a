// Messages that are loaded and followed: what lists of a conversation and threads have in common.
import { ConfabError } from '../errors.js';
import { Derived, type Readable } from '../observable.js';
import { compareIds, type Id, type Message, type StoredMessage } from '../model.js';
import type { ChatEvent, Link } from '../transport.js';
import { SETTLING_MS } from './settling.js';
import { Shelf, told, withViewer } from './shelf.js';
import type { Views } from './views.js';

export interface HolderOwner {
  ask<T>(perform: (link: Link) => Promise<T>): Promise<T>;
  me(): Id | undefined;
  readonly views: Views;
  readonly pageSize: number;
  /** What waits in the outbox for this conversation. */
  outgoing(conversationId: Id): readonly Message[];
  /** Whether one of them is on its way. */
  isSending(conversationId: Id): boolean;
}

export abstract class Holder<T> implements Readable<T> {
  protected readonly owner: HolderOwner;
  protected readonly shelf = new Shelf();
  isLoaded = false;
  protected error: ConfabError | null = null;
  /** What happens while a page is on its way is applied to it, too. */
  #meanwhile: ChatEvent[] | undefined;
  #loading: Promise<void> | undefined;
  /** One's own message may be heard before the answer says that it is the one in the outbox: until then all wait. */
  #held: ChatEvent[] = [];
  /** Up to which message the replies of each were in its count when it came. */
  readonly #countedTo = new Map<Id, Id>();
  /** Until when a reply may be heard that the last page knows of only in part: in its list, or in its count. */
  #settledAt = 0;

  /** Whose replies are being counted, and whether that has to be done again. */
  readonly #recounting = new Map<Id, boolean>();
  readonly #shown: Derived<T>;
  readonly get: () => T;
  readonly subscribe: (listener: () => void) => () => void;

  /** `watched` is told when somebody begins to look at it. */
  constructor(owner: HolderOwner, watched: () => void) {
    this.owner = owner;
    this.#shown = new Derived(
      () => this.state(),
      (isWatched) => isWatched && watched(),
    );
    this.get = this.#shown.get;
    this.subscribe = this.#shown.subscribe;
  }

  get isWatched(): boolean {
    return this.#shown.isWatched;
  }

  /** One that is looked at and is not loaded is loaded. */
  want(): void {
    if (this.isWatched && !this.isLoaded && !this.#loading) void this.load();
  }

  touch(): void {
    this.#shown.touch();
  }

  protected abstract state(): T;
  /** Whether it belongs here. */
  protected abstract accepts(message: StoredMessage): boolean;
  /** Reads the first page, or all that is shown anew; the answer puts it in. */
  protected abstract read(ask: HolderOwner['ask']): Promise<() => void>;

  /**
   * Loads it, or all that is shown anew. Over a given link it waits for nothing that is under way, since that may wait for
   * the connection which waits for this.
   */
  async load(link?: Link): Promise<void> {
    const ask: HolderOwner['ask'] = link ? (perform) => perform(link) : (perform) => this.owner.ask(perform);
    try {
      await this.during(async () => {
        const commit = await this.read(ask);
        return () => {
          commit();
          this.isLoaded = true;
          this.error = null;
        };
      }, link !== undefined);
    } catch (error) {
      // A link that is lost is followed by another one, which begins again.
      if (!(error instanceof ConfabError) || (link && error.code === 'DISCONNECTED')) throw error;
      this.error = error;
      this.touch();
    }
  }

  /** Forgets all, until somebody looks again. */
  unload(error: ConfabError | null = null): void {
    this.shelf.clear();
    this.#countedTo.clear();
    this.#held = [];
    // What is on its way belongs to nothing any more.
    this.#loading = this.#meanwhile = undefined;
    this.isLoaded = false;
    this.error = error;
    this.touch();
  }

  find(messageId: Id): StoredMessage | undefined {
    return this.shelf.find(messageId);
  }

  apply(event: ChatEvent): void {
    if (this.#held.length || this.#isPerhapsOutgoing(event)) {
      this.#held.push(event);
      return;
    }
    this.#meanwhile?.push(event);
    if (this.isLoaded || this.#meanwhile) this.#take(event);
  }

  /** What was in the outbox is stored, or was refused: what waited for that goes on. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const event of held) this.apply(event);
  }

  /** What the server answered of one message. */
  answer(message: StoredMessage): void {
    if (!this.isLoaded || !this.accepts(message)) return;
    const known = this.shelf.find(message.id);
    const next = told(message, known);
    // Later reactions may have been heard already.
    this.#put(next.isDeleted ? next : { ...next, reactions: known?.reactions ?? message.reactions }, !known);
    if (!known && message.replyCount) void this.#recount(message.id);
    this.touch();
  }

  /** What the server answered of the reactions of one message. */
  answerReactions(messageId: Id, reactions: StoredMessage['reactions']): void {
    const known = this.shelf.find(messageId);
    if (known && !known.isDeleted) this.shelf.put({ ...known, reactions });
    this.touch();
  }

  /** Fetches something and puts it in, one after another; what is `urgent` goes before, and what was under way is dropped. */
  protected async during(fetch: () => Promise<() => void>, isUrgent = false): Promise<void> {
    while (this.#loading && !isUrgent) await this.#loading;
    const meanwhile: ChatEvent[] = (this.#meanwhile = []);
    const fetched = fetch();
    const loading = (this.#loading = fetched.then(
      () => {},
      () => {},
    ));
    this.touch();
    try {
      const commit = await fetched;
      if (this.#loading !== loading) return;
      commit();
      for (const event of meanwhile) this.#take(event);
    } finally {
      if (this.#loading === loading) this.#loading = this.#meanwhile = undefined;
      this.touch();
    }
  }

  /** Puts a page in: how many replies each has is counted up to what is known now. */
  protected take(messages: readonly StoredMessage[]): void {
    this.shelf.putAll(messages);
    this.#settledAt = Date.now() + SETTLING_MS;
    const newest = this.shelf.newest?.id;
    if (newest) for (const { id } of messages) this.#countedTo.set(id, newest);
  }

  protected show(): Message[] {
    return this.shelf.items.map((it) => this.owner.views.show(it));
  }

  /** What the outbox holds, but for what a page has brought already: it was sent before the page was loaded anew. */
  protected waiting(conversationId: Id): readonly Message[] {
    const outgoing = this.owner.outgoing(conversationId);
    return outgoing.filter((it) => !this.shelf.items.some((stored) => stored.tempId === it.tempId));
  }

  #isPerhapsOutgoing(event: ChatEvent): boolean {
    if (event.type !== 'message.sent' || event.message.senderId !== this.owner.me()) return false;
    return this.owner.isSending(event.message.conversationId) && !this.shelf.find(event.message.id);
  }

  #take(event: ChatEvent): void {
    if ('message' in event) {
      const known = this.shelf.find(event.message.id);
      const message = told(event.message, known);
      if (known) this.shelf.put(message);
      else if (event.type === 'message.sent' && this.accepts(message)) this.#put(message, true);
      const isCounted = event.type !== 'message.deleted' && (known || this.accepts(message)) && Date.now() > this.#settledAt;
      if (message.parentMessageId && !isCounted) void this.#recount(message.parentMessageId);
    } else if ('reaction' in event) {
      const { messageId, reactions, userId } = event.reaction;
      const known = this.shelf.find(messageId);
      if (!known || known.isDeleted) return;
      const own = userId === this.owner.me() ? event.reaction : undefined;
      this.shelf.put({ ...known, reactions: withViewer(reactions, known.reactions, own) });
    } else {
      return;
    }
    this.touch();
  }

  #put(message: StoredMessage, isNew: boolean): void {
    this.shelf.put(message);
    if (!isNew || message.isDeleted) return;
    this.#countedTo.set(message.id, message.id);
    const parent = message.parentMessageId ? this.shelf.find(message.parentMessageId) : undefined;
    if (!parent || compareIds(message.id, this.#countedTo.get(parent.id) ?? '0') <= 0) return;
    this.shelf.put({ ...parent, replyCount: parent.replyCount + 1 });
    if (this.#recounting.has(parent.id)) this.#recounting.set(parent.id, true);
  }

  /**
   * Asks for the count of replies after one was deleted: whether it was counted cannot be told from here. Nor can that be
   * told of one that is heard within a moment of the answer, so then it is asked again.
   */
  async #recount(messageId: Id): Promise<void> {
    if (!this.shelf.find(messageId)) return;
    if (this.#recounting.has(messageId)) return void this.#recounting.set(messageId, true);
    try {
      do {
        this.#recounting.set(messageId, false);
        const { replyCount } = await this.owner.ask((link) => link.message(messageId));
        const known = this.shelf.find(messageId);
        if (known) this.shelf.put({ ...known, replyCount });
        this.touch();
        await new Promise((done) => setTimeout(done, SETTLING_MS));
      } while (this.#recounting.get(messageId));
    } catch {
      // It is as it was, until it is read again.
    } finally {
      this.#recounting.delete(messageId);
    }
  }
}
