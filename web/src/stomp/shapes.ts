// The payloads of REST and STOMP in the words of the store: ids are texts, reactions a list.
import type {
  Attachment,
  ChatEvent,
  Conversation,
  EventMessage,
  Participant,
  Presence,
  Reaction,
  ReactionNotice,
  ReadReceipt,
  ReceiptNotice,
  StoredMessage,
  TypingNotice,
} from '@confab/client';

/** A payload as it comes: its ids are numbers. */
export type Raw = { readonly [field: string]: unknown };

const id = (value: unknown): string => String(value);
const idOrNull = (value: unknown): string | null => (value === null || value === undefined ? null : String(value));

const counts = (summary: unknown): { emoji: string; count: number }[] =>
  Object.entries((summary ?? {}) as Record<string, number>).map(([emoji, count]) => ({ emoji, count }));

/** Without whether a reaction is the viewer's, which these payloads do not say. */
export function eventMessage(raw: Raw): EventMessage {
  const { reactionSummary, attachments, tempId, ...rest } = raw;
  return {
    ...(rest as unknown as StoredMessage),
    id: id(raw.id),
    conversationId: id(raw.conversationId),
    senderId: id(raw.senderId),
    parentMessageId: idOrNull(raw.parentMessageId),
    attachments: ((attachments ?? []) as Raw[]).map(attachment),
    reactions: counts(reactionSummary),
    tempId: (tempId as string | undefined) ?? null,
  };
}

/** `mine`: the emoji that the viewer reacted with. */
export function message(raw: Raw, mine: ReadonlySet<string> = new Set()): StoredMessage {
  const told = eventMessage(raw);
  return { ...told, tempId: told.tempId ?? null, reactions: told.reactions.map((it) => ({ ...it, viewerReacted: mine.has(it.emoji) })) };
}

function attachment(raw: Raw): Attachment {
  return { ...(raw as unknown as Attachment), id: id(raw.id), fileId: id(raw.fileId) };
}

export function participant(raw: Raw): Participant {
  return { ...(raw as unknown as Participant), userId: id(raw.userId), lastReadMessageId: idOrNull(raw.lastReadMessageId) };
}

/** The viewer, who is in a conversation no more: the queue says so of nobody else. */
export function gone(userId: string): Participant {
  return { userId, userName: '', avatarUrl: null, role: 'MEMBER', joinedAt: '', lastReadMessageId: null };
}

export function conversation(raw: Raw): Conversation {
  const { event: _, ...rest } = raw;
  return {
    ...(rest as unknown as Conversation),
    id: id(raw.id),
    createdById: id(raw.createdById),
    participants: ((raw.participants ?? []) as Raw[]).map(participant),
    lastMessage: raw.lastMessage ? message(raw.lastMessage as Raw) : null,
  };
}

export function presence(raw: Raw): Presence {
  return { ...(raw as unknown as Presence), userId: id(raw.userId) };
}

export function typing(raw: Raw): TypingNotice {
  return { ...(raw as unknown as TypingNotice), conversationId: id(raw.conversationId), userId: id(raw.userId) };
}

export function reaction(raw: Raw): Reaction {
  return { ...(raw as unknown as Reaction), userId: id(raw.userId) };
}

export function readReceipt(raw: Raw): ReadReceipt {
  return { ...(raw as unknown as ReadReceipt), messageId: id(raw.messageId), userId: id(raw.userId) };
}

export function reactionNotice(raw: Raw): ReactionNotice {
  const { reactionSummary, ...rest } = raw;
  return {
    ...(rest as unknown as ReactionNotice),
    messageId: id(raw.messageId),
    conversationId: id(raw.conversationId),
    userId: id(raw.userId),
    reactions: counts(reactionSummary),
  };
}

export function receiptNotice(raw: Raw): ReceiptNotice {
  return {
    ...(raw as unknown as ReceiptNotice),
    conversationId: id(raw.conversationId),
    userId: id(raw.userId),
    lastReadMessageId: id(raw.lastReadMessageId),
  };
}

const CHANGES = {
  'conversation.created': 'CREATED',
  'conversation.updated': 'UPDATED',
  'conversation.deleted': 'DELETED',
  'settings.changed': 'UPDATED',
} as const;

/** An entry of the log as REST tells it. */
export function logged(entry: { cursor: string; type: string; data: Raw }): ChatEvent {
  const { cursor, type, data } = entry;
  switch (type) {
    case 'message.sent':
    case 'message.updated':
    case 'message.deleted':
      return { cursor, type, message: eventMessage(data) };
    case 'reaction.added':
    case 'reaction.removed':
      return { cursor, type, reaction: reactionNotice(data) };
    case 'receipt.moved':
      return { cursor, type, receipt: receiptNotice(data) };
    case 'participant.added':
    case 'participant.removed':
    case 'participant.role_changed':
      return { cursor, type, conversationId: id(data.conversationId), participant: participant(data.participant as Raw) };
    case 'conversation.created':
    case 'conversation.updated':
    case 'conversation.deleted':
    case 'settings.changed':
      return { cursor, type, change: { event: CHANGES[type], conversation: conversation(data) } };
    default:
      return { cursor, type: 'unknown' };
  }
}
