// The seam between the store and a way to the server. On this side there is one vocabulary, that of model.ts; what is said
// on the wire is each transport's own business.
import type { ConfabError } from './errors.js';
import type {
  Conversation,
  Cursor,
  FoundMessage,
  GroupSettings,
  Id,
  NewGroup,
  Page,
  Participant,
  Presence,
  PresenceStatus,
  ReadReceipt,
  Reaction,
  ReactionCount,
  Role,
  SharedConversation,
  StoredMessage,
  Timestamp,
  User,
} from './model.js';

/**
 * A way to the server. It opens connections, one at a time, and keeps none alive: tokens, pauses, pings, resuming and
 * repeating are the client's, once for all transports. `graphql()` makes the one of this package.
 */
export interface Transport {
  /** For people, such as `GraphQL`. */
  readonly name: string;

  /**
   * Opens a connection and resolves when the server has accepted the token.
   *
   * Rejects with a `ConfabError`: `UNAUTHENTICATED` where the token was refused (another one is asked for), `FORBIDDEN`
   * where this user is not let in (nothing more is tried), anything else for what a later attempt may bring. After
   * `signal` is aborted it gives up what it has opened. `on.closed` is not called for a connection that never opened.
   */
  open(options: OpenOptions): Promise<Link>;
}

export interface OpenOptions {
  /** The address of the server without a slash at its end, such as `https://chat.example.org`. */
  readonly url: string;
  readonly token: string;
  readonly signal: AbortSignal;
  readonly on: LinkListener;
}

/** What a connection tells without being asked. Nothing is told after `closed`. */
export interface LinkListener {
  /**
   * Something durable, in the order of the log, each with its cursor, and from the cursor of {@link Link.listen} on without
   * a gap. It may be told again (a cursor that is not after the last one is passed over), but never too late: whatever
   * comes with a cursor says that everything before it was told. A transport that hears on several queues brings them
   * into this order itself, for instance by reading the log up to now and passing on what came meanwhile after that.
   */
  event(event: ChatEvent): void;
  typing(typing: TypingNotice): void;
  presence(presence: Presence): void;
  /** The connection is over, by whomever, `close()` excepted. Once. The error says why, as in {@link Transport.open}. */
  closed(error: ConfabError): void;
}

/** Somebody else types, or has stopped. */
export interface TypingNotice {
  readonly conversationId: Id;
  readonly userId: Id;
  readonly userName: string;
  readonly typing: boolean;
  /** When it ends by itself, by the server's clock. */
  readonly expiresAt: Timestamp | null;
}

/** What stands in the log, by the names of the protocol. */
export type ChatEvent = { readonly cursor: Cursor } & (
  | { readonly type: 'message.sent' | 'message.updated' | 'message.deleted'; readonly message: EventMessage }
  | { readonly type: 'reaction.added' | 'reaction.removed'; readonly reaction: ReactionNotice }
  | { readonly type: 'receipt.moved'; readonly receipt: ReceiptNotice }
  | {
      readonly type: 'participant.added' | 'participant.removed' | 'participant.role_changed';
      readonly conversationId: Id;
      readonly participant: Participant;
    }
  | {
      readonly type: 'conversation.created' | 'conversation.updated' | 'conversation.deleted' | 'settings.changed';
      readonly change: ConversationNotice;
    }
  /** Of a newer server; passed over, its cursor counts. */
  | { readonly type: 'unknown' }
);

/** A message in an event: whether a reaction is the viewer's is not said there, and `tempId` may be missing. */
export type EventMessage = Omit<StoredMessage, 'reactions' | 'tempId'> & {
  readonly reactions: readonly Omit<ReactionCount, 'viewerReacted'>[];
  readonly tempId?: string | null;
};

export interface ReactionNotice {
  readonly messageId: Id;
  readonly conversationId: Id;
  readonly userId: Id;
  readonly userName: string;
  readonly emoji: string;
  readonly added: boolean;
  /** All reactions of the message after it. */
  readonly reactions: readonly Omit<ReactionCount, 'viewerReacted'>[];
}

export interface ReceiptNotice {
  readonly conversationId: Id;
  readonly userId: Id;
  readonly userName: string;
  readonly lastReadMessageId: Id;
  readonly readAt: Timestamp;
}

/**
 * What became of a conversation. What is the viewer's own (`unreadCount`, `muted`, `pinned`, `archived`), its participants
 * and its last message may be left out: the store keeps what it knows of them, and asks where it has to. After
 * `settings.changed` it asks unless all of the viewer's own is there.
 */
export interface ConversationNotice {
  readonly event: 'CREATED' | 'UPDATED' | 'LEFT' | 'DELETED';
  readonly conversation: Omit<SharedConversation, 'participants'> & Partial<Conversation>;
}

/** Where things stand: read in this order, so that nothing that happened after `cursor` may be missed. */
export interface Snapshot {
  /** Never younger than the rest. */
  readonly cursor: Cursor;
  readonly me: User;
  /** Not archived: pinned first, then latest activity first, the first 50 or so. */
  readonly conversations: Page<Conversation>;
  /** Of every conversation of the viewer's that has something unread. */
  readonly unread: readonly { readonly conversationId: Id; readonly unreadCount: number }[];
}

/** Which messages of a conversation, 100 at most: the newest, or those next to one, which need not exist. */
export interface MessageQuery {
  readonly conversationId: Id;
  readonly limit: number;
  readonly before?: Id;
  readonly after?: Id;
}

/** Oldest first, replies included. */
export interface MessagePage {
  readonly items: readonly StoredMessage[];
  /** Whether there is more beyond its old end, or with `after` beyond its new one. */
  readonly hasMore: boolean;
}

export interface OutgoingMessage {
  readonly conversationId: Id;
  readonly content: string | null;
  readonly messageType?: string;
  readonly attachmentIds: readonly Id[];
  readonly parentMessageId: Id | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Sent again with the same one, it is the same message. */
  readonly tempId: string;
}

export interface ReactionOutcome {
  readonly added: boolean;
  readonly emoji: string;
  readonly reactions: readonly ReactionCount[];
}

export interface ReadState {
  readonly conversationId: Id;
  readonly lastReadMessageId: Id | null;
  readonly readAt: Timestamp | null;
  readonly unreadCount: number;
}

/**
 * An open connection. Every answer is that of the server; a refusal is a `ConfabError` with the server's code and sentence,
 * and `DISCONNECTED` where no answer came. `next` of a page and `Cursor` may be passed to another connection of the same
 * transport, a `Cursor` and ids to any.
 */
export interface Link {
  /** Starts to tell what happened after the cursor, and typing and presence from now on. `CURSOR_EXPIRED` where the log is shorter. */
  listen(after: Cursor): Promise<void>;
  /** Puts another token of the same user into the connection; false where it cannot, and a new connection is needed. */
  renew(token: string): Promise<boolean>;
  /** Resolves when the server has answered something; within which time is the caller's. */
  ping(): Promise<void>;
  /** Ends it; what waits for an answer is `DISCONNECTED`. */
  close(): void;

  snapshot(): Promise<Snapshot>;
  conversations(query: { archived: boolean; next?: string }): Promise<Page<Conversation>>;
  findConversations(search: string): Promise<readonly Conversation[]>;
  conversation(id: Id): Promise<Conversation>;
  messages(query: MessageQuery): Promise<MessagePage>;
  message(id: Id): Promise<StoredMessage>;
  /** Direct replies, oldest first. */
  replies(query: { messageId: Id; limit: number; after?: Id }): Promise<MessagePage>;
  /** Messages that have files, newest first. */
  attachments(query: { conversationId: Id; next?: string }): Promise<Page<StoredMessage>>;
  searchMessages(query: { text: string; conversationId?: Id; next?: string }): Promise<Page<FoundMessage>>;
  participants(query: { conversationId: Id; search?: string; next?: string }): Promise<Page<Participant>>;
  searchPeople(query: { text: string; next?: string }): Promise<Page<User>>;
  user(id: Id): Promise<User>;
  /** Of up to 500 users; those whom the viewer may not see are left out. */
  presence(userIds: readonly Id[]): Promise<readonly Presence[]>;
  /** Who else types there at this moment; nobody where that cannot be asked for. */
  typing(conversationId: Id): Promise<readonly TypingNotice[]>;
  readReceipts(messageId: Id): Promise<readonly ReadReceipt[]>;
  reactions(messageId: Id): Promise<readonly Reaction[]>;

  send(message: OutgoingMessage): Promise<StoredMessage>;
  edit(messageId: Id, content: string): Promise<StoredMessage>;
  delete(messageId: Id): Promise<StoredMessage>;
  react(messageId: Id, emoji: string, added: boolean): Promise<ReactionOutcome>;
  markRead(conversationId: Id, lastReadMessageId: Id): Promise<ReadState>;
  setTyping(conversationId: Id, typing: boolean): Promise<void>;
  setPresence(presence: { status?: PresenceStatus; statusMessage?: string }): Promise<Presence>;

  createGroup(group: NewGroup): Promise<Conversation>;
  openDirect(userId: Id): Promise<Conversation>;
  updateConversation(conversationId: Id, settings: GroupSettings): Promise<Conversation>;
  set(conversationId: Id, setting: 'muted' | 'pinned' | 'archived', value: boolean): Promise<Conversation>;
  addParticipants(conversationId: Id, userIds: readonly Id[]): Promise<Conversation>;
  removeParticipant(conversationId: Id, userId: Id): Promise<void>;
  setRole(conversationId: Id, userId: Id, role: Role): Promise<Conversation>;
  transferOwnership(conversationId: Id, userId: Id): Promise<Conversation>;
  leave(conversationId: Id): Promise<void>;
  deleteConversation(conversationId: Id): Promise<void>;
}
