// The viewer's conversations: what the last snapshot said of them, and what happened since.
import type { ConversationList, Conversations, UnreadState } from '../api.js';
import { ConfabError } from '../errors.js';
import { compareIds, type Conversation, type Id, type ReadMarker } from '../model.js';
import { Derived, DerivedByName, type Readable } from '../observable.js';
import type { ChatEvent, Link, Snapshot } from '../transport.js';
import { Patches } from './patches.js';
import type { People } from './people.js';
import { SETTLING_MS } from './settling.js';
import { told, withViewer } from './shelf.js';

export interface BookOwner {
  ask<T>(perform: (link: Link) => Promise<T>): Promise<T>;
  me(): Id | undefined;
  readonly people: People;
  /** The viewer is in it no more, or again. */
  isGone(conversationId: Id, isGone: boolean): void;
}

export class Book {
  readonly #owner: BookOwner;
  readonly #known = new Map<Id, Conversation>();
  readonly patches = new Patches<Conversation>((id) => this.#touch(id));
  /** Of conversations that were not loaded. */
  #unreadElsewhere = new Map<Id, number>();
  /** Of people who are not among those that a conversation shows. */
  readonly #markers = new Map<Id, Map<Id, ReadMarker>>();
  readonly #shown = new DerivedByName<Conversation | undefined>(
    (id) => this.get(id),
    (id) => void (this.#known.has(id) || this.refresh(id)),
  );
  readonly #shownMarkers = new DerivedByName<readonly ReadMarker[]>((id) => this.#readers(id));
  /** Being fetched, with what happened meanwhile: that is applied to the answer, too. */
  readonly #fetching = new Map<Id, ChatEvent[]>();
  readonly #missed = new Set<Id>();
  /** Until when a message may be heard that the last answer knows of only in part: as the last one, or in the count. */
  readonly #settledAt = new Map<Id, number>();
  readonly current: List;
  readonly archived: List;
  readonly unread: Derived<UnreadState>;

  constructor(owner: BookOwner) {
    this.#owner = owner;
    const all = () => [...this.#known.keys()].map((id) => this.get(id) as Conversation);
    const more = (archived: boolean) => async (next: string | undefined) => {
      const page = await owner.ask((link) => link.conversations(next ? { archived, next } : { archived }));
      for (const conversation of page.items) this.put(conversation);
      return page.next;
    };
    this.current = new List(() => all().filter((it) => !it.archived), more(false), false);
    this.archived = new List(() => all().filter((it) => it.archived), more(true), true);
    this.unread = new Derived(() => {
      const conversations = new Map(this.#unreadElsewhere);
      for (const it of all()) conversations.set(it.id, it.unreadCount);
      return { conversations, total: [...conversations.values()].reduce((sum, count) => sum + count, 0) };
    });
  }

  get(id: Id): Conversation | undefined {
    const known = this.#known.get(id);
    return known && this.patches.over(id, known);
  }

  conversation(id: Id): Readable<Conversation | undefined> {
    return this.#shown.of(id);
  }

  readMarkers(id: Id): Readable<readonly ReadMarker[]> {
    return this.#shownMarkers.of(id);
  }

  /** Begins anew from a snapshot: what it does not name is unknown again. */
  load({ conversations, unread }: Snapshot): void {
    const before = [...this.#known.keys()];
    this.#known.clear();
    this.#markers.clear();
    this.#unreadElsewhere = new Map(unread.map((it) => [it.conversationId, it.unreadCount]));
    for (const conversation of conversations.items) this.put(conversation);
    this.current.begin(conversations.next);
    this.archived.forget();
    for (const id of before) this.#touch(id);
    for (const id of this.#shown.watched()) if (!this.#known.has(id)) void this.refresh(id);
  }

  /** What the server answered: what was heard meanwhile may be newer, unless it is applied anew. */
  put(conversation: Conversation, isAppliedAnew = false): void {
    const known = this.#known.get(conversation.id);
    let next = conversation;
    if (known && !isAppliedAnew && compareIds(known.lastMessage?.id ?? '0', next.lastMessage?.id ?? '0') >= 0) {
      const { muted, pinned, archived } = next;
      const { participants, participantCount, lastMessage, lastMessageAt, unreadCount } = known;
      const base = next.updatedAt < known.updatedAt ? known : next;
      next = { ...base, muted, pinned, archived, participants, participantCount, lastMessage, lastMessageAt, unreadCount };
    }
    this.#set(next);
    this.#settledAt.set(conversation.id, Date.now() + SETTLING_MS);
    this.#unreadElsewhere.delete(conversation.id);
    for (const it of conversation.participants) this.#owner.people.meet({ id: it.userId, name: it.userName, avatarUrl: it.avatarUrl });
    if (!known) this.#owner.isGone(conversation.id, false);
  }

  /** Asks how it stands. What happens until the answer comes is applied to it. */
  async refresh(id: Id, isSecond = false): Promise<void> {
    if (this.#fetching.has(id)) return;
    const meanwhile: ChatEvent[] = [];
    this.#fetching.set(id, meanwhile);
    this.#missed.delete(id);
    try {
      const answer = await this.#owner.ask((link) => link.conversation(id));
      this.#fetching.delete(id);
      this.put(answer, true);
      // Or this would never end in a busy conversation.
      if (isSecond) this.#settledAt.delete(id);
      for (const event of meanwhile) this.apply(event);
    } catch (error) {
      this.#fetching.delete(id);
      const code = error instanceof ConfabError && error.code;
      if (code === 'NOT_FOUND' || code === 'FORBIDDEN') this.#remove(id);
      else this.#missed.add(id);
    }
  }

  /** There is a connection again: what could not be asked is asked. */
  online(): void {
    for (const id of [...this.#missed]) void this.refresh(id);
    this.archived.online();
  }

  /** The cursors of pages are the transport's own. */
  forgetPages(): void {
    this.current.restart();
    this.archived.restart();
  }

  /** The newest message that is known, if it is not read. */
  unreadUpTo(id: Id): Id | undefined {
    const known = this.#known.get(id);
    const marker = this.#marker(known) ?? '0';
    return known?.lastMessage && compareIds(known.lastMessage.id, marker) > 0 ? known.lastMessage.id : undefined;
  }

  /** The viewer has read up to this message; false where that is known. */
  read(id: Id, messageId: Id): boolean {
    const known = this.#known.get(id);
    if (!known) return true;
    if (compareIds(messageId, this.#marker(known) ?? '0') <= 0) return false;
    const me = this.#owner.me() ?? '';
    const isAll = compareIds(messageId, known.lastMessage?.id ?? '0') >= 0;
    this.#set({ ...moved(known, me, messageId), ...(isAll && { unreadCount: 0 }) });
    return true;
  }

  apply(event: ChatEvent): void {
    const id = conversationOf(event);
    if (id === undefined) return;
    this.#fetching.get(id)?.push(event);
    switch (event.type) {
      case 'message.sent':
      case 'message.updated':
      case 'message.deleted':
        return this.#onMessage(id, event);
      case 'reaction.added':
      case 'reaction.removed':
        return this.#onReaction(id, event);
      case 'receipt.moved':
        return this.#onReceipt(id, event);
      case 'participant.added':
      case 'participant.removed':
      case 'participant.role_changed':
        return this.#onParticipant(id, event);
      case 'conversation.deleted':
        return this.#remove(id);
      case 'conversation.created':
      case 'conversation.updated':
      case 'settings.changed':
        return this.#onConversation(id, event);
    }
  }

  #onMessage(id: Id, { type, message }: Extract<ChatEvent, { message: unknown }>): void {
    const known = this.#known.get(id);
    if (!known) return void (type === 'message.sent' && this.refresh(id));
    const order = compareIds(message.id, known.lastMessage?.id ?? '0');
    const isUnread = message.senderId !== this.#owner.me() && compareIds(message.id, this.#marker(known) ?? '0') > 0;
    if (order >= 0) {
      const lastMessage = told(message, order ? undefined : (known.lastMessage ?? undefined));
      // What is not newer than the last message was counted when that was read.
      const counts = order > 0 && isUnread && !message.isDeleted;
      const lastMessageAt = order > 0 ? message.createdAt : known.lastMessageAt;
      this.#set({ ...known, lastMessage, lastMessageAt, unreadCount: known.unreadCount + (counts ? 1 : 0) });
    }
    // Whether it was counted cannot be told from here.
    if (!isUnread) return;
    if (type === 'message.deleted') void this.refresh(id);
    // Once, however many are heard until then.
    else if ((this.#settledAt.get(id) as number) > Date.now() && this.#settledAt.delete(id)) setTimeout(() => this.refresh(id, true), SETTLING_MS);
  }

  #onReaction(id: Id, { reaction }: Extract<ChatEvent, { reaction: unknown }>): void {
    const known = this.#known.get(id);
    if (known?.lastMessage?.id !== reaction.messageId || known.lastMessage.isDeleted) return;
    const own = reaction.userId === this.#owner.me() ? reaction : undefined;
    const reactions = withViewer(reaction.reactions, known.lastMessage.reactions, own);
    this.#set({ ...known, lastMessage: { ...known.lastMessage, reactions } });
  }

  #onReceipt(id: Id, { receipt }: Extract<ChatEvent, { receipt: unknown }>): void {
    const known = this.#known.get(id);
    const { userId, userName, lastReadMessageId } = receipt;
    if (!known) return void (userId === this.#owner.me() && this.#unreadElsewhere.has(id) && this.refresh(id));
    if (userId !== this.#owner.me()) {
      const markers = this.#markers.get(id) ?? new Map<Id, ReadMarker>();
      this.#markers.set(id, markers.set(userId, { userId, userName, lastReadMessageId }));
      return this.#set(moved(known, userId, lastReadMessageId));
    }
    this.read(id, lastReadMessageId);
    // Nothing is left, or how much the server knows.
    const isLast = this.#marker(this.#known.get(id)) === lastReadMessageId;
    if (isLast && known.unreadCount > 0 && this.unreadUpTo(id)) void this.refresh(id);
  }

  #onParticipant(id: Id, { type, participant }: Extract<ChatEvent, { participant: unknown }>): void {
    const known = this.#known.get(id);
    const isMe = participant.userId === this.#owner.me();
    if (isMe && type === 'participant.removed') return this.#remove(id);
    if (type === 'participant.removed') this.#markers.get(id)?.delete(participant.userId);
    // Who is shown of a large group, and how many there are, the server knows.
    if (type !== 'participant.role_changed') return void ((known || isMe) && this.refresh(id));
    if (!known) return;
    const participants = known.participants.map((it) => (it.userId === participant.userId ? participant : it));
    this.#set({ ...known, participants });
  }

  #onConversation(id: Id, { type, change }: Extract<ChatEvent, { change: unknown }>): void {
    const known = this.#known.get(id);
    const { lastMessage, lastMessageAt, unreadCount, ...rest } = change.conversation;
    if (known) this.#set({ ...known, ...defined(rest) });
    const isWhole = rest.muted !== undefined && rest.pinned !== undefined && rest.archived !== undefined;
    if (!known || (type === 'settings.changed' && !isWhole)) void this.refresh(id);
  }

  #readers(id: Id): readonly ReadMarker[] {
    const markers = new Map(this.#markers.get(id));
    for (const { userId, userName, lastReadMessageId } of this.#known.get(id)?.participants ?? []) {
      if (lastReadMessageId) markers.set(userId, { userId, userName, lastReadMessageId });
    }
    markers.delete(this.#owner.me() ?? '');
    return [...markers.values()];
  }

  #marker(conversation: Conversation | undefined): Id | null | undefined {
    return conversation?.participants.find((it) => it.userId === this.#owner.me())?.lastReadMessageId;
  }

  #set(conversation: Conversation): void {
    this.#known.set(conversation.id, conversation);
    this.#touch(conversation.id);
  }

  #remove(id: Id): void {
    this.#unreadElsewhere.delete(id);
    this.#markers.delete(id);
    this.#missed.delete(id);
    this.#known.delete(id);
    this.#touch(id);
    this.#owner.isGone(id, true);
  }

  #touch(id: Id): void {
    this.#shown.touch(id);
    this.#shownMarkers.touch(id);
    this.current.touch();
    this.archived.touch();
    this.unread.touch();
  }
}

/** Conversations in their order, as far as they are loaded. */
class List implements Conversations {
  readonly #shown: Derived<ConversationList>;
  readonly #more: (next: string | undefined) => Promise<string | null>;
  /** Undefined: from the beginning; null: there is no more. */
  #next: string | null | undefined;
  #isLoaded = false;
  #loading: Promise<void> | undefined;
  readonly get: () => ConversationList;
  readonly subscribe: (listener: () => void) => () => void;
  readonly #isOnDemand: boolean;

  constructor(items: () => Conversation[], more: (next: string | undefined) => Promise<string | null>, isOnDemand: boolean) {
    this.#more = more;
    this.#isOnDemand = isOnDemand;
    this.#shown = new Derived(
      () => ({ items: items().sort(inOrder), isLoaded: this.#isLoaded, hasMore: this.#isLoaded && this.#next !== null }),
      (isWatched) => isWatched && this.online(),
    );
    this.get = this.#shown.get;
    this.subscribe = this.#shown.subscribe;
  }

  touch(): void {
    this.#shown.touch();
  }

  begin(next: string | null): void {
    this.#next = next;
    this.#isLoaded = true;
    this.touch();
  }

  forget(): void {
    this.#isLoaded = false;
    this.#next = undefined;
    this.touch();
    this.online();
  }

  restart(): void {
    if (this.#next !== null) this.#next = undefined;
  }

  /** One that is looked at and is not loaded is loaded. */
  online(): void {
    if (this.#isOnDemand && this.#shown.isWatched && !this.#isLoaded) this.loadMore().catch(() => {});
  }

  loadMore(): Promise<void> {
    if (this.#next === null) return Promise.resolve();
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    const count = this.get().items.length;
    do {
      this.begin(await this.#more(this.#next ?? undefined));
      // From the beginning again, after another transport: what is known already is passed over.
    } while (this.#next !== null && this.get().items.length === count);
  }
}

const activity = (it: Conversation): string => it.lastMessageAt ?? it.createdAt;

function inOrder(one: Conversation, other: Conversation): number {
  if (one.pinned !== other.pinned) return one.pinned ? -1 : 1;
  const [a, b] = [activity(one), activity(other)];
  return a === b ? compareIds(other.id, one.id) : a < b ? 1 : -1;
}

function moved(conversation: Conversation, userId: Id, lastReadMessageId: Id): Conversation {
  const participants = conversation.participants.map((it) =>
    it.userId === userId && compareIds(lastReadMessageId, it.lastReadMessageId ?? '0') > 0 ? { ...it, lastReadMessageId } : it,
  );
  return { ...conversation, participants };
}

const defined = <T extends object>(it: T): Partial<T> =>
  Object.fromEntries(Object.entries(it).filter(([, value]) => value !== undefined)) as Partial<T>;

/** What an event is about. */
export function conversationOf(event: ChatEvent): Id | undefined {
  if ('message' in event) return event.message.conversationId;
  if ('reaction' in event) return event.reaction.conversationId;
  if ('receipt' in event) return event.receipt.conversationId;
  if ('change' in event) return event.change.conversation.id;
  return 'conversationId' in event ? event.conversationId : undefined;
}
