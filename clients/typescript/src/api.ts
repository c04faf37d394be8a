// What a front end has: a store to read and listen to, and what can be done. `connect` makes it.
import type { ConfabError } from './errors.js';
import type {
  Conversation,
  FoundMessage,
  GroupSettings,
  Id,
  Message,
  NewGroup,
  Page,
  Participant,
  Presence,
  PresenceStatus,
  Reaction,
  ReadMarker,
  ReadReceipt,
  Role,
  StoredMessage,
  Typist,
  UploadedFile,
  User,
} from './model.js';
import type { Readable } from './observable.js';
import type { Transport } from './transport.js';

export interface ConnectOptions {
  /** The address of the server, such as `https://chat.example.org`; in a browser, the page's own origin where it is left out. */
  readonly url?: string;
  /**
   * A token for this user. Asked for at the start, when the last one is about to end, and when the server has refused it
   * (`refused` is that one: give another). Null: there is none, the user has to sign in; the connection is `refused` then,
   * until {@link Confab.reconnect}. Where it rejects, it is asked again after a pause.
   */
  readonly getToken: (request: { readonly refused: string | null }) => Promise<string | null> | string | null;
  /**
   * Where the outbox outlives a reload, such as `localStorage`. Several pages may share it: each sends what it began, and
   * takes over what a page that is gone has left. Left out: nothing is kept.
   */
  readonly storage?: ClientStorage;
  /** The way to the server; `graphql()` where it is left out. */
  readonly transport?: Transport;
  /** Messages of a page; 50 where it is left out, 100 at most. */
  readonly pageSize?: number;
}

/** What is used of `localStorage`. */
export type ClientStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

/**
 * `connecting`: for the first time. `online`: connected, and
 * following. `offline`: the machine says that it has
 * no network; it is tried when that changes, and now and then. `reconnecting`: next attempt `at` (milliseconds of
 * `Date.now()`), or under way where that is past. `refused`: nothing more is tried; {@link Confab.reconnect} does. `closed`:
 * by {@link Confab.close}.
 */
export type ConnectionState =
  | { readonly status: 'connecting' }
  | { readonly status: 'online' }
  | { readonly status: 'offline' }
  | { readonly status: 'reconnecting'; readonly at: number; readonly attempt: number; readonly error: ConfabError }
  | { readonly status: 'refused'; readonly error: ConfabError }
  | { readonly status: 'closed' };

export interface ConversationList {
  /** Pinned first, then latest activity first. */
  readonly items: readonly Conversation[];
  /** False before the first answer. */
  readonly isLoaded: boolean;
  readonly hasMore: boolean;
}

export interface Conversations extends Readable<ConversationList> {
  /** Does nothing while it is under way or where there is no more. */
  loadMore(): Promise<void>;
}

export interface MessageList {
  /** Oldest first; what the server does not have yet at the end, in the order in which it was sent. */
  readonly items: readonly Message[];
  readonly isLoaded: boolean;
  readonly hasOlder: boolean;
  /** While older ones are fetched. */
  readonly isLoadingOlder: boolean;
  /** Why it could not be loaded, such as `FORBIDDEN`; null again when it was. */
  readonly error: ConfabError | null;
}

/** The newest messages of a conversation, as far back as was asked for. Loaded when it is first listened to. */
export interface Messages extends Readable<MessageList> {
  /** Does nothing while it is under way or where there is nothing older. */
  loadOlder(): Promise<void>;
  /** Loads back to this message, and further by a few; false where it is further than 1,000 messages, or is not there. */
  loadBackTo(messageId: Id): Promise<boolean>;
}

export interface ThreadState {
  /** The message that is replied to; null before it is loaded. */
  readonly parent: Message | null;
  /** Direct replies, oldest first, with what waits in the outbox at the end. */
  readonly replies: readonly Message[];
  readonly isLoaded: boolean;
  readonly error: ConfabError | null;
}

export interface UnreadState {
  /** Archived conversations included. */
  readonly total: number;
  /** By conversation; those with nothing unread may be missing. */
  readonly conversations: ReadonlyMap<Id, number>;
}

export interface SendInput {
  readonly conversationId: Id;
  /** May be left out where there are attachments. */
  readonly content?: string;
  readonly attachments?: readonly UploadedFile[];
  readonly parentMessageId?: Id;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** A message in the outbox. */
export interface Sending {
  readonly tempId: string;
  /**
   * Resolves when the server has it, rejects when the server has refused it or it was discarded. Nobody has to wait for
   * it: the list of messages says the same.
   */
  readonly sent: Promise<StoredMessage>;
}

export interface UploadOptions {
  /** Checks the limits of this conversation at once; they hold once more on sending. */
  readonly conversationId?: Id;
  /** Bytes that went out, of all. In Node.js it is called once, at the end. */
  readonly onProgress?: (progress: { readonly loaded: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * A client of one user. What is `Readable` is the same object for the same argument.
 *
 * Everything that changes something answers with a promise that rejects with a `ConfabError`. It waits for a connection for
 * ten seconds at most. What may be done twice is repeated where the connection went away before its answer came;
 * creating a group is not and rejects with `DISCONNECTED`.
 */
export interface Confab {
  readonly connection: Readable<ConnectionState>;
  /** Undefined before the first connection. */
  readonly me: Readable<User | undefined>;
  /** Those that are not archived. */
  readonly conversations: Conversations;
  /** Loaded when it is first listened to. */
  readonly archived: Conversations;
  readonly unread: Readable<UnreadState>;
  /** All that is not sent yet, in all conversations. */
  readonly outbox: Readable<readonly Message[]>;

  /** Undefined while it is unknown, and after the viewer has left it. Fetched when it is listened to and unknown. */
  conversation(id: Id): Readable<Conversation | undefined>;
  messages(conversationId: Id): Messages;
  /** Loaded when it is first listened to, to the end. */
  thread(messageId: Id): Readable<ThreadState>;
  /** Who types there, the viewer excepted. */
  typing(conversationId: Id): Readable<readonly Typist[]>;
  /** How far others have read, as far as is known: of large groups of the first 100, and of those who read meanwhile. */
  readMarkers(conversationId: Id): Readable<readonly ReadMarker[]>;
  /** Undefined while unknown, and of strangers. Fetched and kept up to date while it is listened to. */
  presence(userId: Id): Readable<Presence | undefined>;
  /** From all that came by; fetched when it is listened to and unknown. */
  person(userId: Id): Readable<User | undefined>;

  /**
   * Shows the message at once and sends it, after those of the conversation that were sent before, when there is a
   * connection. It is stored once, whatever happens to connections, pages and the server.
   */
  send(input: SendInput): Sending;
  /** Sends a failed message again; nothing for another. */
  retry(tempId: string): void;
  /** Takes a message out of the outbox. One that is on its way may have arrived all the same. */
  discard(tempId: string): void;
  /** Shown at once, and taken back where it is refused. */
  edit(messageId: Id, content: string): Promise<void>;
  /** Shown at once, and taken back where it is refused. */
  delete(messageId: Id): Promise<void>;
  /** Shown at once, and taken back where it is refused. */
  toggleReaction(messageId: Id, emoji: string): Promise<void>;
  /**
   * Up to this message, or the newest that is known. Shown at once; several calls are one request. The marker never moves
   * back.
   */
  markRead(conversationId: Id, messageId?: Id): void;
  /** Call it with each key: it is told at most once a second, and ends 4 s after the last call, or with the message. */
  setTyping(conversationId: Id, typing: boolean): void;
  /** What is left out stays. It is set again after each reconnect only as far as the server keeps it: it does. */
  setPresence(presence: { status?: PresenceStatus; statusMessage?: string }): Promise<void>;

  createGroup(group: NewGroup): Promise<Conversation>;
  /** The direct conversation with somebody: the one there is, else a new one. */
  openDirect(userId: Id): Promise<Conversation>;
  updateConversation(conversationId: Id, settings: GroupSettings): Promise<Conversation>;
  addParticipants(conversationId: Id, userIds: readonly Id[]): Promise<Conversation>;
  removeParticipant(conversationId: Id, userId: Id): Promise<void>;
  setRole(conversationId: Id, userId: Id, role: Role): Promise<Conversation>;
  /** The old owner becomes ADMIN. */
  transferOwnership(conversationId: Id, userId: Id): Promise<Conversation>;
  setMuted(conversationId: Id, muted: boolean): Promise<void>;
  setPinned(conversationId: Id, pinned: boolean): Promise<void>;
  setArchived(conversationId: Id, archived: boolean): Promise<void>;
  leave(conversationId: Id): Promise<void>;
  deleteConversation(conversationId: Id): Promise<void>;

  /** Newest first, in one conversation or in all. */
  searchMessages(query: { text: string; conversationId?: Id; next?: string }): Promise<Page<FoundMessage>>;
  /** Whom the server lets one find, by the beginnings of their names' words. */
  searchPeople(query: { text: string; next?: string }): Promise<Page<User>>;
  /** Groups by name or description, archived ones included. */
  findConversations(text: string): Promise<readonly Conversation[]>;
  /** Everybody in a conversation, or those whom a search finds. */
  participants(query: { conversationId: Id; search?: string; next?: string }): Promise<Page<Participant>>;
  /** Messages that have files, newest first. */
  attachments(query: { conversationId: Id; next?: string }): Promise<Page<StoredMessage>>;
  readReceipts(messageId: Id): Promise<readonly ReadReceipt[]>;
  reactions(messageId: Id): Promise<readonly Reaction[]>;
  message(messageId: Id): Promise<StoredMessage>;

  /** Uploads a file, to be named in {@link SendInput.attachments}. Rejects with `ABORTED` after `signal`. */
  upload(file: Blob, options?: UploadOptions): Promise<UploadedFile>;

  /** Tries at once, also after `refused`, with a new token. */
  reconnect(): void;
  /** Goes on over another transport. What is shown stays; nothing is lost and nothing comes twice. */
  use(transport: Transport): void;
  readonly transport: Transport;
  /** Ends it for good. What waits in the outbox stays in `storage`. */
  close(): void;
}
