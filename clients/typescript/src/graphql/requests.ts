// The requests of a link, each an operation and what of its answer is wanted.
import { ConfabError } from '../errors.js';
import type { Id, Page } from '../model.js';
import type { Link } from '../transport.js';
import {
  capitalized,
  CONVERSATION,
  field,
  MESSAGE,
  operation,
  PARTICIPANT,
  PRESENCE,
  REACTED,
  TYPING,
  USER,
  type Variables,
} from './text.js';

/** Asks and answers with `data`. */
export type Ask = (text: string, variables: Variables) => Promise<object>;

interface Connection<T> {
  readonly nodes: readonly T[];
  readonly pageInfo: { readonly endCursor?: string | null; readonly hasNextPage: boolean; readonly hasPreviousPage?: boolean };
}

const PAGE = 50;
const nodes = (selection: string) => `{nodes${selection}pageInfo{endCursor hasNextPage hasPreviousPage}}`;

const page = <T>({ nodes, pageInfo }: Connection<T>): Page<T> => ({
  items: nodes,
  next: pageInfo.hasNextPage ? (pageInfo.endCursor ?? null) : null,
});

/** The paging cursor of a message: the server writes its id so. */
const at = (id: Id | undefined) => id && btoa(id).replace(/=+$/, '');

/** The first field of an answer, which has no other. */
function only(data: object): never {
  const [value] = Object.values(data) as unknown[];
  if (value === null || value === undefined) throw new ConfabError('NOT_FOUND', 'Not found');
  return value as never;
}

export function requests(ask: Ask): Omit<Link, 'listen' | 'renew' | 'ping' | 'close'> {
  const get = async <T>(name: string, args: Variables, selection = '', kind = 'query'): Promise<T> =>
    only(await ask(operation(kind, args, field(name, args, selection)), args));
  const change = <T>(name: string, args: Variables, selection = ''): Promise<T> => get(name, args, selection, 'mutation');
  /** A field of a conversation or a message. */
  const within = async <T>(parent: string, id: Id, name: string, args: Variables, selection: string): Promise<T> => {
    const all = { id, ...args };
    return only(only(await ask(operation('query', all, `${parent}(id:$id){${field(name, args, selection)}}`), all)));
  };
  const pages = async <T>(...args: Parameters<typeof get>) => page(await get<Connection<T>>(...args));
  const pagesWithin = async <T>(...args: Parameters<typeof within>) => page(await within<Connection<T>>(...args));

  return {
    snapshot: async () => {
      const { cursor } = await get<{ cursor: string }>('sync', {}, '{cursor}');
      const fields = `me${USER}conversations(archived:false first:${PAGE})${nodes(CONVERSATION)}unread{conversations{conversationId unreadCount}}`;
      const { me, conversations, unread } = (await ask(operation('query', {}, fields), {})) as {
        me: never;
        conversations: Connection<never>;
        unread: { conversations: never };
      };
      return { cursor, me, conversations: page(conversations), unread: unread.conversations };
    },
    conversations: ({ archived, next }) => pages('conversations', { archived, first: PAGE, after: next }, nodes(CONVERSATION)),
    findConversations: async (search) => (await pages<never>('conversations', { search, first: PAGE }, nodes(CONVERSATION))).items,
    conversation: (id) => get('conversation', { id }, CONVERSATION),
    messages: async ({ conversationId, limit, before, after }) => {
      const range = after ? { first: limit, after: at(after) } : { last: limit, before: at(before) };
      const { nodes: items, pageInfo } = await within<Connection<never>>('conversation', conversationId, 'messages', range, nodes(MESSAGE));
      return { items, hasMore: (after ? pageInfo.hasNextPage : pageInfo.hasPreviousPage) ?? false };
    },
    message: (id) => get('message', { id }, MESSAGE),
    replies: async ({ messageId, limit, after }) => {
      const range = { first: limit, after: at(after) };
      const { nodes: items, pageInfo } = await within<Connection<never>>('message', messageId, 'replies', range, nodes(MESSAGE));
      return { items, hasMore: pageInfo.hasNextPage };
    },
    attachments: ({ conversationId, next }) =>
      pagesWithin('conversation', conversationId, 'attachments', { first: PAGE, after: next }, nodes(MESSAGE)),
    searchMessages: async ({ text: query, conversationId, next }) => {
      const found = await get<{ edges: { node: never; snippet: string }[] } & Connection<never>>(
        'searchMessages',
        { query, conversationId, first: PAGE, after: next },
        nodes(MESSAGE).replace('nodes', 'edges{node').replace('pageInfo', 'snippet}pageInfo'),
      );
      return page({ nodes: found.edges.map(({ node: message, snippet }) => ({ message, snippet })), pageInfo: found.pageInfo });
    },
    participants: ({ conversationId, search, next }) =>
      pagesWithin('conversation', conversationId, 'participantsPage', { first: PAGE, search, after: next }, nodes(PARTICIPANT)),
    searchPeople: ({ text: search, next }) => pages('users', { search, first: PAGE, after: next }, nodes(USER)),
    user: (id) => get('user', { id }, USER),
    presence: (userIds) => get('presence', { userIds }, PRESENCE),
    typing: (id) => within('conversation', id, 'typing', {}, TYPING),
    readReceipts: (id) => within('message', id, 'readReceipts', {}, '{messageId userId userName readAt}'),
    reactions: (id) => within('message', id, 'reactions', {}, '{emoji userId userName createdAt}'),

    send: ({ attachmentIds, ...message }) =>
      change('sendMessage', { input: attachmentIds.length ? { ...message, attachmentIds } : message }, MESSAGE),
    edit: (messageId, content) => change('editMessage', { messageId, content }, MESSAGE),
    delete: (messageId) => change('deleteMessage', { messageId }, MESSAGE),
    react: (messageId, emoji, added) => change(added ? 'addReaction' : 'removeReaction', { messageId, emoji }, REACTED),
    markRead: (conversationId, lastReadMessageId) =>
      change('markRead', { conversationId, lastReadMessageId }, '{conversationId lastReadMessageId readAt unreadCount}'),
    setTyping: (conversationId, typing) => change('setTyping', { conversationId, typing }),
    setPresence: (presence) => change('setPresence', presence, PRESENCE),

    createGroup: (input) => change('createGroup', { input }, CONVERSATION),
    openDirect: (userId) => change('openDirect', { userId }, CONVERSATION),
    updateConversation: (conversationId, input) => change('updateConversation', { conversationId, input }, CONVERSATION),
    set: (conversationId, setting, value) =>
      change(`set${capitalized(setting)}`, { conversationId, [setting]: value }, CONVERSATION),
    addParticipants: (conversationId, userIds) => change('addParticipants', { conversationId, userIds }, CONVERSATION),
    removeParticipant: (conversationId, userId) => change('removeParticipant', { conversationId, userId }),
    setRole: (conversationId, userId, role) => change('setParticipantRole', { conversationId, userId, role }, CONVERSATION),
    transferOwnership: (conversationId, userId) => change('transferOwnership', { conversationId, userId }, CONVERSATION),
    leave: (conversationId) => change('leaveConversation', { conversationId }),
    deleteConversation: (conversationId) => change('deleteConversation', { conversationId }),
  };
}
