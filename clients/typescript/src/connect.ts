// Puts the parts together: the client that a front end has.
import type { Confab, ConnectOptions, SendInput, Sending, UploadOptions } from './api.js';
import { Connection } from './connection.js';
import { Drafts } from './drafts.js';
import { ConfabError, isInterruption } from './errors.js';
import { Follow } from './follow.js';
import { graphql } from './graphql/transport.js';
import { upload } from './files.js';
import { Keystrokes } from './keystrokes.js';
import type { Conversation, GroupSettings, Id, NewGroup, PresenceStatus, Role, StoredMessage, User } from './model.js';
import { Cell } from './observable.js';
import { Outbox } from './outbox.js';
import { Reading } from './reading.js';
import { Book, conversationOf } from './store/book.js';
import type { HolderOwner } from './store/holder.js';
import { People } from './store/people.js';
import { Presences } from './store/presences.js';
import { Rooms } from './store/rooms.js';
import { Typing } from './store/typing.js';
import { Views } from './store/views.js';
import { Tokens } from './tokens.js';
import type { ChatEvent, Link, Snapshot, Transport } from './transport.js';

const DEFAULT_PAGE = 50;
const LARGEST_PAGE = 100;
/** What the store itself asks for waits as long as it takes. */
const FOREVER_MS = 2_147_483_647;
const MAX_PATIENT_TRIES = 5;

/** A client of one user, which connects at once. */
export function connect(options: ConnectOptions): Confab {
  return new Client(options);
}

class Client implements Confab {
  readonly #url: string;
  readonly #storage: ConnectOptions['storage'];
  readonly #tokens: Tokens;
  readonly #connection: Connection;
  readonly #follow: Follow;
  readonly #people: People;
  readonly #presences: Presences;
  readonly #typing = new Typing();
  readonly #views: Views;
  readonly #rooms: Rooms;
  readonly #book: Book;
  readonly #outbox: Outbox;
  readonly #reading: Reading;
  readonly #keystrokes: Keystrokes;
  readonly me = new Cell<User | undefined>(undefined);

  constructor({ url, getToken, storage, transport, pageSize }: ConnectOptions) {
    const origin = url ?? globalThis.location?.origin;
    if (!origin) throw new ConfabError('BAD_REQUEST', 'The address of the server is needed');
    this.#url = origin.replace(/\/+$/, '');
    this.#storage = storage;
    const read = <T>(perform: (link: Link) => Promise<T>) => this.#read(perform);
    const me = () => this.me.get()?.id;
    this.#people = new People((id) => read((link) => link.user(id)));
    this.#presences = new Presences((ids) => read((link) => link.presence(ids)));
    this.#views = new Views((messageId) => this.#rooms.touchMessage(messageId));
    this.#outbox = new Outbox({
      me: () => this.me.get(),
      send: (message) => this.#connection.ask((link) => link.send(message), { patienceMs: FOREVER_MS }),
      changed: (conversationId) => this.#rooms.touch(conversationId),
      stored: (message, key) => {
        this.#views.keep(message.id, key);
        this.#rooms.answer(message);
      },
      settled: (conversationId) => this.#rooms.release(conversationId),
    });
    const holder: HolderOwner = {
      ask: read,
      me,
      views: this.#views,
      pageSize: Math.min(pageSize ?? DEFAULT_PAGE, LARGEST_PAGE),
      outgoing: (conversationId) => this.#outbox.of(conversationId),
      isSending: (conversationId) => this.#outbox.isSending(conversationId),
    };
    this.#rooms = new Rooms(holder);
    this.#book = new Book({ ask: read, me, people: this.#people, isGone: (id, isGone) => this.#rooms.close(id, isGone) });
    this.#reading = new Reading(
      (conversationId, messageId) => this.#connection.ask((link) => link.markRead(conversationId, messageId), { patienceMs: FOREVER_MS }),
      (conversationId) => void this.#book.refresh(conversationId),
    );
    this.#keystrokes = new Keystrokes((conversationId, typing) => {
      // Whoever is not connected types unseen.
      this.#connection.ask((link) => link.setTyping(conversationId, typing), { repeats: false, patienceMs: 0 }).catch(() => {});
    });
    this.#follow = new Follow({ load: (snapshot, link) => this.#load(snapshot, link), apply: (event) => this.#apply(event) });
    this.#tokens = new Tokens(getToken, () => void this.#connection.renewToken());
    this.#connection = new Connection(
      {
        url: this.#url,
        tokens: this.#tokens,
        listener: {
          event: (event) => this.#follow.hear(event),
          typing: (notice) => notice.userId !== me() && this.#typing.notice(notice),
          presence: (presence) => this.#presences.notice(presence),
        },
        follow: (link) => this.#follow.over(link),
        online: () => this.#online(),
        alive: () => void this.#outbox.online(),
      },
      transport ?? graphql(),
    );
  }

  get connection() {
    return this.#connection.state;
  }
  get conversations() {
    return this.#book.current;
  }
  get archived() {
    return this.#book.archived;
  }
  get unread() {
    return this.#book.unread;
  }
  get outbox() {
    return this.#outbox.all;
  }
  get transport() {
    return this.#connection.transport;
  }

  conversation(id: Id) {
    return this.#book.conversation(id);
  }
  messages(conversationId: Id) {
    return this.#rooms.messages(conversationId);
  }
  thread(messageId: Id) {
    return this.#rooms.thread(messageId);
  }
  typing(conversationId: Id) {
    return this.#typing.in(conversationId);
  }
  readMarkers(conversationId: Id) {
    return this.#book.readMarkers(conversationId);
  }
  presence(userId: Id) {
    return this.#presences.of(userId);
  }
  person(userId: Id) {
    return this.#people.person(userId);
  }

  send(input: SendInput): Sending {
    this.#keystrokes.sent(input.conversationId);
    return this.#outbox.send(input);
  }
  retry(tempId: string) {
    this.#outbox.retry(tempId);
  }
  discard(tempId: string) {
    this.#outbox.discard(tempId);
  }

  async edit(messageId: Id, content: string) {
    await this.#message(messageId, (it) => ({ ...it, content, isEdited: true }), (link) => link.edit(messageId, content));
  }

  async delete(messageId: Id) {
    const tombstone = { content: null, attachments: [], reactions: [], isDeleted: true };
    await this.#message(messageId, (it) => ({ ...it, ...tombstone }), (link) => link.delete(messageId));
  }

  async toggleReaction(messageId: Id, emoji: string) {
    const known = this.#rooms.find(messageId);
    const shown = known ? this.#views.show(known) : await this.#read((link) => link.message(messageId));
    // Said so that it may be said twice: a second toggle would take it back.
    const added = !shown.reactions.some((it) => it.emoji === emoji && it.viewerReacted);
    const undo = this.#views.patches.add(messageId, (it) => ({ ...it, reactions: reacted(it.reactions, emoji, added) }));
    const heard = { own: false };
    this.#reacting.add([messageId, heard]);
    try {
      const outcome = await this.#connection.ask((link) => link.react(messageId, emoji, added));
      // Heard already: what is known is as new as the answer, or newer.
      if (!heard.own) this.#rooms.answerReactions(messageId, outcome.reactions);
    } finally {
      for (const it of this.#reacting) if (it[1] === heard) this.#reacting.delete(it);
      undo();
    }
  }
  readonly #reacting = new Set<readonly [Id, { own: boolean }]>();

  markRead(conversationId: Id, messageId = this.#book.unreadUpTo(conversationId)) {
    if (messageId && this.#book.read(conversationId, messageId)) this.#reading.mark(conversationId, messageId);
  }

  setTyping(conversationId: Id, typing: boolean) {
    this.#keystrokes.set(conversationId, typing);
  }

  async setPresence(presence: { status?: PresenceStatus; statusMessage?: string }) {
    this.#presences.notice(await this.#connection.ask((link) => link.setPresence(presence)));
  }

  createGroup(group: NewGroup) {
    return this.#conversation((link) => link.createGroup(group), false);
  }
  openDirect(userId: Id) {
    return this.#conversation((link) => link.openDirect(userId));
  }
  updateConversation(id: Id, settings: GroupSettings) {
    return this.#conversation((link) => link.updateConversation(id, settings));
  }
  addParticipants(id: Id, userIds: readonly Id[]) {
    return this.#conversation((link) => link.addParticipants(id, userIds));
  }
  removeParticipant(id: Id, userId: Id) {
    return this.#connection.ask((link) => link.removeParticipant(id, userId));
  }
  setRole(id: Id, userId: Id, role: Role) {
    return this.#conversation((link) => link.setRole(id, userId, role));
  }
  transferOwnership(id: Id, userId: Id) {
    return this.#conversation((link) => link.transferOwnership(id, userId));
  }
  setMuted(id: Id, muted: boolean) {
    return this.#set(id, 'muted', muted);
  }
  setPinned(id: Id, pinned: boolean) {
    return this.#set(id, 'pinned', pinned);
  }
  setArchived(id: Id, archived: boolean) {
    return this.#set(id, 'archived', archived);
  }
  leave(id: Id) {
    return this.#connection.ask((link) => link.leave(id));
  }
  deleteConversation(id: Id) {
    return this.#connection.ask((link) => link.deleteConversation(id));
  }

  searchMessages(query: Parameters<Confab['searchMessages']>[0]) {
    return this.#connection.ask((link) => link.searchMessages(query));
  }
  searchPeople(query: Parameters<Confab['searchPeople']>[0]) {
    return this.#connection.ask((link) => link.searchPeople(query));
  }
  findConversations(text: string) {
    return this.#connection.ask((link) => link.findConversations(text));
  }
  participants(query: Parameters<Confab['participants']>[0]) {
    return this.#connection.ask((link) => link.participants(query));
  }
  attachments(query: Parameters<Confab['attachments']>[0]) {
    return this.#connection.ask((link) => link.attachments(query));
  }
  readReceipts(messageId: Id) {
    return this.#connection.ask((link) => link.readReceipts(messageId));
  }
  reactions(messageId: Id) {
    return this.#connection.ask((link) => link.reactions(messageId));
  }
  message(messageId: Id) {
    return this.#connection.ask((link) => link.message(messageId));
  }

  async upload(file: Blob, options: UploadOptions = {}) {
    const token = await this.#tokens.get();
    try {
      return await upload(this.#url, token, file, options);
    } catch (error) {
      if (!(error instanceof ConfabError) || error.code !== 'UNAUTHENTICATED') throw error;
      this.#tokens.refuse(token);
      return upload(this.#url, await this.#tokens.get(), file, options);
    }
  }

  reconnect() {
    this.#connection.reconnect();
  }
  use(transport: Transport) {
    this.#book.forgetPages();
    this.#connection.use(transport);
  }
  close() {
    this.#outbox.close();
    this.#keystrokes.clear();
    this.#typing.clear();
    this.#connection.close();
  }

  async #load(snapshot: Snapshot, link: Link): Promise<void> {
    const before = this.me.get();
    if (before && before.id !== snapshot.me.id) throw new ConfabError('FORBIDDEN', 'The token is that of another user');
    this.me.set(snapshot.me);
    this.#people.meet(snapshot.me);
    if (!before) this.#outbox.keepIn(new Drafts(this.#storage, snapshot.me.id));
    this.#book.load(snapshot);
    await this.#rooms.reload(link);
  }

  #apply(event: ChatEvent): void {
    if ('reaction' in event && event.reaction.userId === this.me.get()?.id) {
      for (const [messageId, heard] of this.#reacting) if (messageId === event.reaction.messageId) heard.own = true;
    }
    const id = conversationOf(event);
    if (id === undefined) return;
    this.#book.apply(event);
    this.#rooms.apply(id, event);
    if (event.type === 'message.sent' && event.message.tempId && event.message.senderId === this.me.get()?.id) {
      this.#outbox.arrived({ ...event.message, tempId: event.message.tempId, reactions: [] });
    }
  }

  #online(): void {
    this.#typing.refresh((id) => this.#connection.ask((link) => link.typing(id)));
    this.#presences.refresh();
    this.#book.online();
    this.#rooms.online();
    this.#reading.online();
    void this.#outbox.online();
  }

  /** What the store needs: it waits for a connection as long as it takes, and for a server that asks for patience. */
  async #read<T>(perform: (link: Link) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#connection.ask(perform, { patienceMs: FOREVER_MS });
      } catch (error) {
        const { code, retryAfterSeconds } = error as ConfabError;
        // Without a token nothing comes, however long one waits.
        if (!isInterruption(error) || code === 'UNAUTHENTICATED' || tries >= MAX_PATIENT_TRIES) throw error;
        await new Promise((done) => setTimeout(done, 1000 * (retryAfterSeconds ?? tries)));
      }
    }
  }

  /** Shows a message as it is to be, until the server has said how it is. */
  async #message(id: Id, patch: (it: StoredMessage) => StoredMessage, perform: (link: Link) => Promise<StoredMessage>) {
    const undo = this.#views.patches.add(id, patch);
    try {
      this.#rooms.answer(await this.#connection.ask(perform));
    } finally {
      undo();
    }
  }

  async #conversation(perform: (link: Link) => Promise<Conversation>, repeats = true): Promise<Conversation> {
    const conversation = await this.#connection.ask(perform, { repeats });
    this.#book.put(conversation);
    return conversation;
  }

  async #set(id: Id, setting: 'muted' | 'pinned' | 'archived', value: boolean): Promise<void> {
    const undo = this.#book.patches.add(id, (it) => ({ ...it, [setting]: value }));
    try {
      await this.#conversation((link) => link.set(id, setting, value));
    } finally {
      undo();
    }
  }
}

function reacted(reactions: StoredMessage['reactions'], emoji: string, added: boolean): StoredMessage['reactions'] {
  const known = reactions.find((it) => it.emoji === emoji);
  if (!known) return added ? [...reactions, { emoji, count: 1, viewerReacted: true }] : reactions;
  if (known.viewerReacted === added) return reactions;
  const changed = { emoji, count: known.count + (added ? 1 : -1), viewerReacted: added };
  return reactions.map((it) => (it === known ? changed : it)).filter((it) => it.count > 0);
}
