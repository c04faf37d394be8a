// The requests of a link, each a document and what of its answer is wanted.
import { ConfabError } from '../errors.js';
import type { Id, Page } from '../model.js';
import type { Link } from '../transport.js';
import type { Ask } from './transport.js';

interface Connection<T> {
  readonly nodes: readonly T[];
  readonly pageInfo: { readonly endCursor?: string | null; readonly hasNextPage: boolean; readonly hasPreviousPage?: boolean };
}

const page = <T>({ nodes, pageInfo }: Connection<T>): Page<T> => ({
  items: nodes,
  next: pageInfo.hasNextPage ? (pageInfo.endCursor ?? null) : null,
});

/** The paging cursor of a message: the server writes its id so. */
const at = (id: Id): string => btoa(id).replace(/=+$/, '');

/** The first field of an answer, which has no other. */
const only = (data: object): never => {
  const [value] = Object.values(data) as unknown[];
  if (value === null || value === undefined) throw new ConfabError('NOT_FOUND', 'Not found');
  return value as never;
};

export function requests(ask: Ask): Omit<Link, 'listen' | 'renew' | 'ping' | 'close'> {
  const get = async <T>(...args: Parameters<Ask>): Promise<T> => only(await ask<object>(...args));
  const within = async <T>(...args: Parameters<Ask>): Promise<T> => only(await get<object>(...args));
  const pages = async <T>(...args: Parameters<Ask>) => page(await get<Connection<T>>(...args));
  const pagesWithin = async <T>(...args: Parameters<Ask>) => page(await within<Connection<T>>(...args));

  return {
    snapshot: async () => {
      const { cursor } = await get<{ cursor: string }>('cursor');
      const { me, conversations, unread } = await ask<{
        me: never;
        conversations: Connection<never>;
        unread: { conversations: never };
      }>('snapshot');
      return { cursor, me, conversations: page(conversations), unread: unread.conversations };
    },
    conversations: ({ archived, next }) => pages('conversations', { archived, first: 50, after: next }),
    findConversations: async (search) => (await pages<never>('conversations', { search, first: 50 })).items,
    conversation: (id) => get('conversation', { id }),
    messages: async ({ conversationId: id, limit, before, after }) => {
      const range = after === undefined ? { last: limit, before: before && at(before) } : { first: limit, after: at(after) };
      const { nodes, pageInfo } = await within<Connection<never>>('messages', { id, ...range });
      return { items: nodes, hasMore: (after === undefined ? pageInfo.hasPreviousPage : pageInfo.hasNextPage) ?? false };
    },
    message: (id) => get('message', { id }),
    replies: async ({ messageId: id, limit, after }) => {
      const { nodes, pageInfo } = await within<Connection<never>>('replies', { id, first: limit, after: after && at(after) });
      return { items: nodes, hasMore: pageInfo.hasNextPage };
    },
    attachments: ({ conversationId: id, next }) => pagesWithin('attachments', { id, after: next }),
    searchMessages: async ({ text: query, conversationId, next }) => {
      const { edges, pageInfo } = await get<{ edges: { node: never; snippet: string }[] } & Connection<never>>(
        'searchMessages',
        { query, conversationId, after: next },
      );
      return page({ nodes: edges.map(({ node: message, snippet }) => ({ message, snippet })), pageInfo });
    },
    participants: ({ conversationId: id, search, next }) => pagesWithin('participants', { id, search, after: next }),
    searchPeople: ({ text: search, next }) => pages('searchPeople', { search, after: next }),
    user: (id) => get('user', { id }),
    presence: (userIds) => get('presence', { userIds }),
    readReceipts: (id) => within('readReceipts', { id }),
    reactions: (id) => within('reactions', { id }),

    send: ({ attachmentIds, ...message }) =>
      get('sendMessage', { input: attachmentIds.length ? { ...message, attachmentIds } : message }),
    edit: (messageId, content) => get('editMessage', { messageId, content }),
    delete: (messageId) => get('deleteMessage', { messageId }),
    react: (messageId, emoji, added) => get(added ? 'addReaction' : 'removeReaction', { messageId, emoji }),
    markRead: (conversationId, lastReadMessageId) => get('markRead', { conversationId, lastReadMessageId }),
    setTyping: (conversationId, typing) => get('setTyping', { conversationId, typing }),
    setPresence: (presence) => get('setPresence', presence),

    createGroup: (input) => get('createGroup', { input }),
    openDirect: (userId) => get('openDirect', { userId }),
    updateConversation: (conversationId, input) => get('updateConversation', { conversationId, input }),
    set: (conversationId, setting, value) => get(setting, { conversationId, [setting]: value }),
    addParticipants: (conversationId, userIds) => get('addParticipants', { conversationId, userIds }),
    removeParticipant: (conversationId, userId) => get('removeParticipant', { conversationId, userId }),
    setRole: (conversationId, userId, role) => get('setParticipantRole', { conversationId, userId, role }),
    transferOwnership: (conversationId, userId) => get('transferOwnership', { conversationId, userId }),
    leave: (conversationId) => get('leaveConversation', { conversationId }),
    deleteConversation: (conversationId) => get('deleteConversation', { conversationId }),
  };
}
