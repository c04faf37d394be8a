// The texts of operations. Answers have the shapes of model.ts: aliases rename what is called otherwise here.

const FILE = 'id fileName contentType size url thumbnailUrl width height';
const RAW_MESSAGE = `id conversationId messageType content senderId senderName parentMessageId replyCount isEdited isDeleted attachments{fileId ${FILE}}createdAt editedAt metadata`;
const SHARED =
  'id type name description avatarUrl createdById participantCount allowReactions allowReplies allowFileUploads maxFileSizeMb allowedFileTypes createdAt updatedAt';
const COUNTS = 'reactions:reactionSummary{emoji count';

export const REACTED = `{added emoji ${COUNTS} viewerReacted}}`;
export const MESSAGE = `{${RAW_MESSAGE} tempId ${COUNTS} viewerReacted}}`;
export const PARTICIPANT = '{userId userName avatarUrl role joinedAt lastReadMessageId}';
export const CONVERSATION = `{${SHARED} participants${PARTICIPANT}lastMessage${MESSAGE}lastMessageAt unreadCount muted pinned archived}`;
export const PRESENCE = '{userId userName status online statusMessage deviceType lastSeenAt}';
export const TYPING = '{conversationId userId userName typing expiresAt}';
export const USER = '{id name avatarUrl}';
/** What everybody hears alike: with a field that is the viewer's own the server would write each event for each listener. */
export const EVENTS = `{...on MessageEvent{cursor type message{${RAW_MESSAGE} ${COUNTS}}}}...on ReactionEvent{cursor type reaction{messageId conversationId userId userName emoji added ${COUNTS}}}}...on ReceiptEvent{cursor type receipt{conversationId userId userName lastReadMessageId readAt}}...on ParticipantEvent{cursor type conversationId participant${PARTICIPANT}}...on ConversationEvent{cursor type change{event conversation{${SHARED}}}}}`;

export type Variables = Readonly<Record<string, unknown>>;

/** The fields of an operation of this kind (`query`, `mutation`, `subscription`), with the variables that they name. */
export const operation = (kind: string, variables: Variables, fields: string): string =>
  kind + inBrackets(variables, (name) => `$${name}:${typeOf(name, variables[name], fields)}!`) + `{${fields}}`;

/** A field with its arguments, each a variable of the same name. */
export const field = (name: string, args: Variables, selection = ''): string =>
  name + inBrackets(args, (it) => `${it}:$${it}`) + selection;

export const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** What is undefined is left out. */
function inBrackets(variables: Variables, text: (name: string) => string): string {
  const names = Object.keys(variables).filter((name) => variables[name] !== undefined);
  return names.length ? `(${names.map(text).join(' ')})` : '';
}

const ENUMS: Readonly<Record<string, string>> = { role: 'Role', status: 'PresenceStatus' };

/** What a variable is, by its value and its name. `sendMessage` takes a `SendMessageInput`. */
function typeOf(name: string, value: unknown, fields: string): string {
  if (typeof value === 'boolean') return 'Boolean';
  if (typeof value === 'number') return 'Int';
  if (Array.isArray(value)) return '[ID!]';
  if (typeof value === 'object') return `${capitalized(fields.slice(0, fields.indexOf('(')))}Input`;
  return /[iI]d$/.test(name) ? 'ID' : (ENUMS[name] ?? 'String');
}
