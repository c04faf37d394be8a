// What people see: the shapes that the store holds and that every transport gives, whatever it speaks on the wire.

/** A positive whole number in decimal digits, such as `"42"`. Compare two with {@link compareIds}. */
export type Id = string;

/** A time in UTC, RFC 3339 with milliseconds: `2026-11-27T10:30:00.000Z`. Texts of this form sort by time. */
export type Timestamp = string;

/** A place in the log, `epoch.position`. The same at every door of the server; see {@link isAfter}. */
export type Cursor = string;

/** Which of two ids is the older one: below 0, 0 or above 0. */
export function compareIds(one: Id, other: Id): number {
  return one.length - other.length || (one < other ? -1 : one > other ? 1 : 0);
}

export interface User {
  readonly id: Id;
  readonly name: string;
  readonly avatarUrl: string | null;
}

export type Role = 'OWNER' | 'ADMIN' | 'MEMBER';

export interface Participant {
  readonly userId: Id;
  readonly userName: string;
  readonly avatarUrl: string | null;
  readonly role: Role;
  readonly joinedAt: Timestamp;
  /** The read marker. */
  readonly lastReadMessageId: Id | null;
}

export interface Attachment {
  readonly id: Id;
  readonly fileId: Id;
  readonly fileName: string;
  readonly contentType: string;
  /** Bytes. */
  readonly size: number;
  /** Signed: it opens the file for at least five minutes without any header. */
  readonly url: string;
  readonly thumbnailUrl: string | null;
  /** Pixels, of images. */
  readonly width: number | null;
  readonly height: number | null;
}

/** What {@link Confab.upload} answers, and {@link SendInput.attachments} takes. */
export interface UploadedFile {
  readonly id: Id;
  readonly fileName: string;
  /** As the bytes tell it, not as it was declared. */
  readonly contentType: string;
  readonly size: number;
  readonly url: string;
  readonly thumbnailUrl: string | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly createdAt: Timestamp;
}

export interface ReactionCount {
  readonly emoji: string;
  readonly count: number;
  /** Whether one of them is the viewer's. */
  readonly viewerReacted: boolean;
}

export type MessageType = 'TEXT' | 'IMAGE' | 'VIDEO' | 'AUDIO' | 'FILE' | 'SYSTEM';

/** A message as the server tells it. A deleted one is its tombstone: no content, no attachments, no reactions. */
export interface StoredMessage {
  readonly id: Id;
  readonly conversationId: Id;
  readonly messageType: MessageType;
  /**
   * Plain text as it was written, or markup of a small allow-list: safe where HTML is shown. To show it as text is always
   * right, too; `<` in it need not be a tag.
   */
  readonly content: string | null;
  readonly senderId: Id;
  readonly senderName: string;
  readonly parentMessageId: Id | null;
  readonly replyCount: number;
  readonly isEdited: boolean;
  readonly isDeleted: boolean;
  readonly attachments: readonly Attachment[];
  /** Each emoji in the order of its first reaction. */
  readonly reactions: readonly ReactionCount[];
  readonly createdAt: Timestamp;
  readonly editedAt: Timestamp | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Only where the viewer sent it and gave one, and never in an event. */
  readonly tempId: string | null;
}

/**
 * `sent`: the server has it. `waiting`: it goes out when those before it are out and there is a connection. `sending`: it
 * is on its way. `failed`: the server refused it, `error` says why; {@link Confab.retry} or {@link Confab.discard} it.
 */
export type MessageState = 'sent' | 'waiting' | 'sending' | 'failed';

/** A message in a list. */
export interface Message extends StoredMessage {
  /** The same before and after the server has it: for the `key` of a list. */
  readonly key: string;
  /** While it is not `sent`, its `id` is its `key`, which the server does not know. */
  readonly state: MessageState;
  readonly error: ConfabErrorLike | null;
}

/** The code and the sentence of a refusal; see `ConfabError`. */
export interface ConfabErrorLike {
  readonly code: string;
  readonly message: string;
}

export type ConversationType = 'DIRECT' | 'GROUP';

/** What everybody in a conversation sees of it. */
export interface SharedConversation {
  readonly id: Id;
  readonly type: ConversationType;
  /** Of a direct conversation, the other user's name. */
  readonly name: string | null;
  readonly description: string | null;
  readonly avatarUrl: string | null;
  readonly createdById: Id;
  /** The first 100, longest-serving first; the viewer is always among them. */
  readonly participants: readonly Participant[];
  /** How many there are, shown or not. */
  readonly participantCount: number;
  readonly allowReactions: boolean;
  readonly allowReplies: boolean;
  readonly allowFileUploads: boolean;
  /** Megabytes of 1,048,576 bytes. */
  readonly maxFileSizeMb: number;
  /** MIME patterns; null for all types. */
  readonly allowedFileTypes: readonly string[] | null;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}

/** A conversation as its viewer sees it. */
export interface Conversation extends SharedConversation {
  /** The newest, a tombstone if that was deleted. What waits in the outbox is not among them. */
  readonly lastMessage: StoredMessage | null;
  readonly lastMessageAt: Timestamp | null;
  /** Newer than the viewer's marker, not the viewer's own, not deleted. */
  readonly unreadCount: number;
  readonly muted: boolean;
  readonly pinned: boolean;
  readonly archived: boolean;
}

export type PresenceStatus = 'ONLINE' | 'AWAY' | 'DND' | 'OFFLINE';

export interface Presence {
  readonly userId: Id;
  readonly userName: string;
  readonly status: PresenceStatus;
  readonly online: boolean;
  readonly statusMessage: string | null;
  readonly deviceType: string | null;
  readonly lastSeenAt: Timestamp | null;
}

/** Somebody else who types now. */
export interface Typist {
  readonly userId: Id;
  readonly userName: string;
}

/** How far somebody has read. */
export interface ReadMarker {
  readonly userId: Id;
  readonly userName: string;
  readonly lastReadMessageId: Id;
}

/** Somebody has read a message. */
export interface ReadReceipt {
  readonly messageId: Id;
  readonly userId: Id;
  readonly userName: string;
  readonly readAt: Timestamp;
}

export interface Reaction {
  readonly emoji: string;
  readonly userId: Id;
  readonly userName: string;
  readonly createdAt: Timestamp;
}

/** A stretch of a list. Pass `next` to get the one behind it; null: there is none. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** A message that a search found, and the words around the first match: see {@link marks}. */
export interface FoundMessage {
  readonly message: StoredMessage;
  /** HTML: escaped, each match between `<mark>` and `</mark>`; null where a transport has none. */
  readonly snippet: string | null;
}

/** The settings of a group. What is left out stays. */
export interface GroupSettings {
  /** 1 to 100 characters, one line. */
  readonly name?: string;
  /** Up to 500 characters. */
  readonly description?: string;
  readonly avatarUrl?: string;
  readonly allowReactions?: boolean;
  readonly allowReplies?: boolean;
  readonly allowFileUploads?: boolean;
  readonly maxFileSizeMb?: number;
  readonly allowedFileTypes?: readonly string[];
}

/** A group to be. */
export interface NewGroup extends Omit<GroupSettings, 'avatarUrl'> {
  readonly name: string;
  /** Up to 256; duplicates and the viewer are ignored. */
  readonly participantIds?: readonly Id[];
}
