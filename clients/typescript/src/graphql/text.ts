// The texts of operations. Answers have the shapes of model.ts: aliases rename what is called otherwise here.

const FILE = 'id fileName contentType size url thumbnailUrl width height';
const MESSAGE = `id conversationId messageType content senderId senderName parentMessageId replyCount isEdited isDeleted attachments{fileId ${FILE}}createdAt editedAt metadata`;
const SHARED =
  'id type name description avatarUrl createdById participantCount allowReactions allowReplies allowFileUploads maxFileSizeMb allowedFileTypes createdAt updatedAt';
const COUNTS = 'reactions:reactionSummary{emoji count';

const FRAGMENTS: Readonly<Record<string, string>> = {
  C: `Conversation{${SHARED} participants{...P}lastMessage{...M}lastMessageAt unreadCount muted pinned archived}`,
  // What everybody hears alike: with a field that is the viewer's own the server would write each event for each listener.
  E: `Message{${MESSAGE} ${COUNTS}}}`,
  M: `Message{${MESSAGE} tempId ${COUNTS} viewerReacted}}`,
  P: 'Participant{userId userName avatarUrl role joinedAt lastReadMessageId}',
  R: 'Presence{userId userName status online statusMessage deviceType lastSeenAt}',
  U: 'User{id name avatarUrl}',
};

export const REACTED = `{added emoji ${COUNTS} viewerReacted}}`;

export const EVENTS = `{...on MessageEvent{cursor type message{...E}}...on ReactionEvent{cursor type reaction{messageId conversationId userId userName emoji added ${COUNTS}}}}...on ReceiptEvent{cursor type receipt{conversationId userId userName lastReadMessageId readAt}}...on ParticipantEvent{cursor type conversationId participant{...P}}...on ConversationEvent{cursor type change{event conversation{${SHARED}}}}}`;

export type Variables = Readonly<Record<string, unknown>>;

/** The fields of an operation of this kind (`query`, `mutation`, `subscription`), with what it declares and names. */
export function operation(kind: string, variables: Variables, fields: string): string {
  const declared = named(variables).map((name) => `$${name}:${typeOf(name, variables[name], fields)}!`);
  const names = new Set<string>();
  const visit = (text: string): void => {
    for (const [, name = ''] of text.matchAll(/\.\.\.([A-Z])\b/g)) {
      if (names.has(name)) continue;
      names.add(name);
      visit(FRAGMENTS[name] ?? '');
    }
  };
  visit(fields);
  const fragments = [...names].map((name) => `fragment ${name} on ${FRAGMENTS[name]}`).join('');
  return `${kind}${inBrackets(declared)}{${fields}}${fragments}`;
}

/** A field with its arguments, each a variable of the same name. */
export const field = (name: string, args: Variables, selection = ''): string =>
  name + inBrackets(named(args).map((it) => `${it}:$${it}`)) + selection;

const named = (variables: Variables): string[] => Object.keys(variables).filter((name) => variables[name] !== undefined);
const inBrackets = (texts: string[]): string => (texts.length ? `(${texts.join(' ')})` : '');

const ENUMS: Readonly<Record<string, string>> = { role: 'Role', status: 'PresenceStatus' };

/** What a variable is, by its value and its name. `sendMessage` takes a `SendMessageInput`. */
function typeOf(name: string, value: unknown, fields: string): string {
  if (typeof value === 'boolean') return 'Boolean';
  if (typeof value === 'number') return 'Int';
  if (Array.isArray(value)) return '[ID!]';
  if (typeof value === 'object') return `${capitalized(fields.slice(0, fields.indexOf('(')))}Input`;
  return /[iI]d$/.test(name) ? 'ID' : (ENUMS[name] ?? 'String');
}

export const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
