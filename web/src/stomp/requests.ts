// What a link asks for over HTTP.
import { compareIds, type Conversation, type Id, type Link, type Reaction, type StoredMessage } from '@confab/client';
import type { Http, RestPage } from './rest';
import * as shape from './shapes';
import type { Raw } from './shapes';

const PAGE = 50;
const MESSAGE =
  'fragment M on Message{id conversationId messageType content senderId senderName parentMessageId replyCount isEdited isDeleted createdAt editedAt metadata tempId attachments{id fileId fileName contentType size url thumbnailUrl width height}reactions:reactionSummary{emoji count viewerReacted}}';

type Asked = Omit<Link, 'listen' | 'renew' | 'ping' | 'close' | 'send' | 'setTyping'>;

/** `seen` is told of every message that comes by. */
export function requests(http: Http, seen: (id: Id) => void): Asked {
  const conversation = async (id: Id) => noted(shape.conversation(await http.get<Raw>(`/conversations/${id}`)));

  const noted = (it: Conversation): Conversation => {
    if (it.lastMessage) seen(it.lastMessage.id);
    return it;
  };

  const reactions = async (messageId: Id): Promise<readonly Reaction[]> =>
    (await http.get<Raw[]>(`/messages/${messageId}/reactions`)).map(shape.reaction);

  let me: Promise<{ id: Id; name: string; avatarUrl: string | null }> | undefined;
  const viewer = () => {
    me ??= http.graphql<{ me: { id: Id; name: string; avatarUrl: string | null } }>('{me{id name avatarUrl}}').then((it) => it.me);
    me.catch(() => (me = undefined));
    return me;
  };

  /** With whether a reaction is the viewer's, which REST tells with the list of them alone. */
  const whole = async (raw: Raw): Promise<StoredMessage> => {
    const told = shape.message(raw);
    seen(told.id);
    if (told.reactions.length === 0) return told;
    const [own, all] = await Promise.all([viewer(), reactions(told.id)]);
    return shape.message(raw, new Set(all.filter((it) => it.userId === own.id).map((it) => it.emoji)));
  };
  const messages = (all: Raw[]) => Promise.all(all.map(whole));
  const changed = async (work: Promise<{ data: Raw }>) => noted(shape.conversation((await work).data));
  const before = (page: RestPage): string | null => (page.hasMore && page.before ? String(page.before) : null);

  const people = async (conversationId: Id, next: string | undefined) =>
    http.ask<Raw[]>('GET', `/conversations/${conversationId}/participants`, { limit: 100, cursor: next });

  return {
    snapshot: async () => {
      const { page } = await http.ask<unknown[]>('GET', '/events');
      const [own, list, unread] = await Promise.all([
        viewer(),
        http.ask<Raw[]>('GET', '/conversations', { limit: PAGE, archived: false }),
        http.get<{ conversations: { conversationId: number; unreadCount: number }[] }>('/conversations/unread'),
      ]);
      return {
        cursor: page.next ?? '',
        me: own,
        conversations: { items: list.data.map(shape.conversation).map(noted), next: list.page.next ?? null },
        unread: unread.conversations.map((it) => ({ ...it, conversationId: String(it.conversationId) })),
      };
    },
    conversations: async ({ archived, next }) => {
      const { data, page } = await http.ask<Raw[]>('GET', '/conversations', { limit: PAGE, archived, cursor: next });
      return { items: data.map(shape.conversation).map(noted), next: page.next ?? null };
    },
    findConversations: async (query) => (await http.get<Raw[]>('/conversations/search', { query })).map(shape.conversation),
    conversation,
    messages: async ({ conversationId, ...query }) => {
      const { data, page } = await http.ask<Raw[]>('GET', `/conversations/${conversationId}/messages`, query);
      return { items: await messages(data), hasMore: page.hasMore };
    },
    message: async (id) => (await http.graphql<{ message: StoredMessage }>(`query($id:ID!){message(id:$id){...M}}${MESSAGE}`, { id })).message,
    replies: async ({ messageId, limit, after }) => {
      const { data, page } = await http.ask<Raw[]>('GET', `/messages/${messageId}/thread`, { limit, after });
      return { items: await messages(data), hasMore: page.hasMore };
    },
    attachments: async ({ conversationId, next }) => {
      const { data, page } = await http.ask<Raw[]>('GET', `/conversations/${conversationId}/attachments`, { before: next });
      return { items: await messages(data), next: before(page) };
    },
    searchMessages: async ({ text: query, conversationId, next }) => {
      type Found = { edges: { snippet: string; node: StoredMessage }[]; pageInfo: { endCursor: string | null; hasNextPage: boolean } };
      const { searchMessages: found } = await http.graphql<{ searchMessages: Found }>(
        `query($query:String!,$conversationId:ID,$next:String){searchMessages(query:$query,conversationId:$conversationId,first:30,after:$next){edges{snippet node{...M}}pageInfo{endCursor hasNextPage}}}${MESSAGE}`,
        { query, conversationId, next },
      );
      const items = found.edges.map(({ node, snippet }) => ({ message: node, snippet }));
      return { items, next: found.pageInfo.hasNextPage ? found.pageInfo.endCursor : null };
    },
    participants: async ({ conversationId, search, next }) => {
      if (!search) {
        const { data, page } = await people(conversationId, next);
        return { items: data.map(shape.participant), next: page.next ?? null };
      }
      type Found = { nodes: Raw[]; pageInfo: { endCursor: string | null; hasNextPage: boolean } };
      const said = await http.graphql<{ conversation: { participantsPage: Found } }>(
        'query($id:ID!,$search:String,$next:String){conversation(id:$id){participantsPage(search:$search,first:50,after:$next){nodes{userId userName avatarUrl role joinedAt lastReadMessageId}pageInfo{endCursor hasNextPage}}}}',
        { id: conversationId, search, next },
      );
      const { nodes, pageInfo } = said.conversation.participantsPage;
      return { items: nodes.map(shape.participant), next: pageInfo.hasNextPage ? pageInfo.endCursor : null };
    },
    searchPeople: async ({ text: search, next }) => {
      type Found = { nodes: { id: Id; name: string; avatarUrl: string | null }[]; pageInfo: { endCursor: string | null; hasNextPage: boolean } };
      const { users } = await http.graphql<{ users: Found }>(
        'query($search:String!,$next:String){users(search:$search,first:50,after:$next){nodes{id name avatarUrl}pageInfo{endCursor hasNextPage}}}',
        { search, next },
      );
      return { items: users.nodes, next: users.pageInfo.hasNextPage ? users.pageInfo.endCursor : null };
    },
    user: async (id) => (await http.graphql<{ user: { id: Id; name: string; avatarUrl: string | null } }>('query($id:ID!){user(id:$id){id name avatarUrl}}', { id })).user,
    presence: async (userIds) => {
      const { data } = await http.ask<Raw[]>('POST', '/presence/users', {}, { userIds: userIds.map(Number) });
      return data.map(shape.presence);
    },
    // It is heard as it happens, and cannot be asked for at this door.
    typing: async () => [],
    readReceipts: async (id) => (await http.get<Raw[]>(`/messages/${id}/read-receipts`)).map(shape.readReceipt),
    reactions,

    edit: async (id, content) => whole((await http.ask<Raw>('PUT', `/messages/${id}`, {}, { content })).data),
    delete: async (id) => whole((await http.ask<Raw>('DELETE', `/messages/${id}`)).data),
    react: async (id, emoji, added) => {
      const path = `/messages/${id}/reactions`;
      const work = added ? http.ask<Raw>('POST', path, {}, { emoji }) : http.ask<Raw>('DELETE', `${path}/${encodeURIComponent(emoji)}`);
      const { data } = await work;
      const [own, all] = await Promise.all([viewer(), reactions(id)]);
      const mine = new Set(all.filter((it) => it.userId === own.id).map((it) => it.emoji));
      const summary = Object.entries((data.reactionSummary ?? {}) as Record<string, number>);
      return { added: data.added === true, emoji, reactions: summary.map(([sign, count]) => ({ emoji: sign, count, viewerReacted: mine.has(sign) })) };
    },
    markRead: async (conversationId, lastReadMessageId) => {
      const { data } = await http.ask<Raw>('POST', `/conversations/${conversationId}/read`, {}, { lastReadMessageId: Number(lastReadMessageId) });
      const marker = data.lastReadMessageId;
      return {
        conversationId,
        lastReadMessageId: marker === null || marker === undefined ? null : String(marker),
        readAt: (data.readAt ?? null) as string | null,
        unreadCount: Number(data.unreadCount),
      };
    },
    setPresence: async (presence) => shape.presence((await http.ask<Raw>('PUT', '/presence/status', {}, presence)).data),

    createGroup: ({ participantIds, ...group }) =>
      changed(http.ask<Raw>('POST', '/conversations', {}, { ...group, ...(participantIds ? { participantIds: participantIds.map(Number) } : {}) })),
    openDirect: (userId) => changed(http.ask<Raw>('POST', `/conversations/direct/${userId}`)),
    updateConversation: (id, settings) => changed(http.ask<Raw>('PUT', `/conversations/${id}`, {}, settings)),
    set: (id, setting, value) => {
      const verb = { muted: 'mute', pinned: 'pin', archived: 'archive' }[setting];
      return changed(http.ask<Raw>('PUT', `/conversations/${id}/${verb}`, { [setting]: value }));
    },
    addParticipants: (id, userIds) => changed(http.ask<Raw>('POST', `/conversations/${id}/participants`, {}, { userIds: userIds.map(Number) })),
    removeParticipant: async (id, userId) => void (await http.ask('DELETE', `/conversations/${id}/participants/${userId}`)),
    setRole: async (conversationId, userId, role) => {
      const query = 'mutation($conversationId:ID!,$userId:ID!,$role:Role!){setParticipantRole(conversationId:$conversationId,userId:$userId,role:$role){id}}';
      await http.graphql(query, { conversationId, userId, role });
      return conversation(conversationId);
    },
    transferOwnership: async (conversationId, userId) => {
      const query = 'mutation($conversationId:ID!,$userId:ID!){transferOwnership(conversationId:$conversationId,userId:$userId){id}}';
      await http.graphql(query, { conversationId, userId });
      return conversation(conversationId);
    },
    leave: async (id) => void (await http.ask('DELETE', `/conversations/${id}`)),
    deleteConversation: async (conversationId) =>
      void (await http.graphql('mutation($conversationId:ID!){deleteConversation(conversationId:$conversationId)}', { conversationId })),
  };
}

/** The newer of two ids. */
export const newer = (one: Id, other: Id): Id => (compareIds(one, other) > 0 ? one : other);

