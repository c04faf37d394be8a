// What is asked of the server. Answers have the shapes of model.ts: aliases rename what is called otherwise here.

const FILE = 'id fileName contentType size url thumbnailUrl width height';
const MESSAGE = `id conversationId messageType content senderId senderName parentMessageId replyCount isEdited isDeleted
attachments{fileId ${FILE}}createdAt editedAt metadata`;
const SHARED = `id type name description avatarUrl createdById participantCount allowReactions allowReplies allowFileUploads
maxFileSizeMb allowedFileTypes createdAt updatedAt`;
const PERSON = 'id name avatarUrl';
const RECEIPT = 'conversationId userId userName lastReadMessageId readAt';

/** What everybody hears alike: a field that is the viewer's own would have the server write each event for each listener. */
const E = `fragment E on Message{${MESSAGE} reactions:reactionSummary{emoji count}}`;
const M = `fragment M on Message{${MESSAGE} tempId reactions:reactionSummary{emoji count viewerReacted}}`;
const P = 'fragment P on Participant{userId userName avatarUrl role joinedAt lastReadMessageId}';
const R = 'fragment R on Presence{userId userName status online statusMessage deviceType lastSeenAt}';
const C = `fragment C on Conversation{${SHARED} participants{...P}lastMessage{...M}lastMessageAt unreadCount muted pinned archived}`;
const U = `fragment U on User{${PERSON}}`;

const FRAGMENTS: Readonly<Record<string, string>> = { E, M, P, R, C, U };

/** The text with the fragments that it names, each once. */
function complete(text: string): string {
  const names = new Set<string>();
  const visit = (part: string): void => {
    for (const [, name = ''] of part.matchAll(/\.\.\.([A-Z])\b/g)) {
      if (names.has(name)) continue;
      names.add(name);
      visit(FRAGMENTS[name] ?? '');
    }
  };
  visit(text);
  return text + [...names].map((name) => FRAGMENTS[name]).join('');
}

const documents = <K extends string>(table: Record<K, string>): Readonly<Record<K, string>> =>
  Object.fromEntries(Object.entries<string>(table).map(([name, text]) => [name, complete(text)])) as Record<K, string>;

const NEXT = 'pageInfo{endCursor hasNextPage}';
const changing = (field: string, args: string, selection = '{...C}') => {
  const names = args.match(/\$\w+/g) ?? [];
  return `mutation(${args}){${field}(${names.map((it) => `${it.slice(1)}:${it}`).join(' ')})${selection}}`;
};

export const DOCUMENTS = documents({
  alive: '{__typename}',
  cursor: '{sync{cursor}}',
  snapshot: `{me{...U}conversations(archived:false first:50){nodes{...C}${NEXT}}unread{conversations{conversationId unreadCount}}}`,
  conversations: `query($archived:Boolean $first:Int $after:String $search:String){conversations(archived:$archived first:$first after:$after search:$search){nodes{...C}${NEXT}}}`,
  conversation: 'query($id:ID!){conversation(id:$id){...C}}',
  messages: `query($id:ID! $first:Int $last:Int $after:String $before:String){conversation(id:$id){messages(first:$first last:$last after:$after before:$before){nodes{...M}pageInfo{hasNextPage hasPreviousPage}}}}`,
  message: 'query($id:ID!){message(id:$id){...M}}',
  replies: `query($id:ID! $first:Int $after:String){message(id:$id){replies(first:$first after:$after){nodes{...M}pageInfo{hasNextPage}}}}`,
  attachments: `query($id:ID! $after:String){conversation(id:$id){attachments(first:50 after:$after){nodes{...M}${NEXT}}}}`,
  searchMessages: `query($query:String! $conversationId:ID $after:String){searchMessages(query:$query conversationId:$conversationId first:30 after:$after){edges{node{...M}snippet}${NEXT}}}`,
  participants: `query($id:ID! $search:String $after:String){conversation(id:$id){participantsPage(first:100 search:$search after:$after){nodes{...P}${NEXT}}}}`,
  searchPeople: `query($search:String! $after:String){users(search:$search first:30 after:$after){nodes{...U}${NEXT}}}`,
  user: 'query($id:ID!){user(id:$id){...U}}',
  presence: 'query($userIds:[ID!]!){presence(userIds:$userIds){...R}}',
  readReceipts: 'query($id:ID!){message(id:$id){readReceipts{messageId userId userName readAt}}}',
  reactions: 'query($id:ID!){message(id:$id){reactions{emoji userId userName createdAt}}}',

  renewToken: changing('renewToken', '$token:String!', '{expiresAt}'),
  sendMessage: changing('sendMessage', '$input:SendMessageInput!', '{...M}'),
  editMessage: changing('editMessage', '$messageId:ID! $content:String!', '{...M}'),
  deleteMessage: changing('deleteMessage', '$messageId:ID!', '{...M}'),
  addReaction: changing('addReaction', '$messageId:ID! $emoji:String!', '{added emoji reactions:reactionSummary{emoji count viewerReacted}}'),
  removeReaction: changing('removeReaction', '$messageId:ID! $emoji:String!', '{added emoji reactions:reactionSummary{emoji count viewerReacted}}'),
  markRead: changing('markRead', '$conversationId:ID! $lastReadMessageId:ID', '{conversationId lastReadMessageId readAt unreadCount}'),
  setTyping: changing('setTyping', '$conversationId:ID! $typing:Boolean!', ''),
  setPresence: changing('setPresence', '$status:PresenceStatus $statusMessage:String', '{...R}'),
  createGroup: changing('createGroup', '$input:CreateGroupInput!'),
  openDirect: changing('openDirect', '$userId:ID!'),
  updateConversation: changing('updateConversation', '$conversationId:ID! $input:UpdateConversationInput!'),
  muted: changing('setMuted', '$conversationId:ID! $muted:Boolean!'),
  pinned: changing('setPinned', '$conversationId:ID! $pinned:Boolean!'),
  archived: changing('setArchived', '$conversationId:ID! $archived:Boolean!'),
  addParticipants: changing('addParticipants', '$conversationId:ID! $userIds:[ID!]!'),
  removeParticipant: changing('removeParticipant', '$conversationId:ID! $userId:ID!', ''),
  setParticipantRole: changing('setParticipantRole', '$conversationId:ID! $userId:ID! $role:Role!'),
  transferOwnership: changing('transferOwnership', '$conversationId:ID! $userId:ID!'),
  leaveConversation: changing('leaveConversation', '$conversationId:ID!', ''),
  deleteConversation: changing('deleteConversation', '$conversationId:ID!', ''),

  events: `subscription($after:String){events(after:$after){__typename
...on MessageEvent{cursor type message{...E}}
...on ReactionEvent{cursor type reaction{messageId conversationId userId userName emoji added reactions:reactionSummary{emoji count}}}
...on ReceiptEvent{cursor type receipt{${RECEIPT}}}
...on ParticipantEvent{cursor type conversationId participant{...P}}
...on ConversationEvent{cursor type change{event conversation{${SHARED}}}}}}`,
  typing: 'subscription{typing{conversationId userId userName typing expiresAt}}',
  presences: 'subscription{presence{...R}}',
});

export type DocumentName = keyof typeof DOCUMENTS;
