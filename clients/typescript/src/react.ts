// Hooks for React 18 and newer, and for preact/compat. Each listens to one value of the store and to nothing else.
import { createContext, createElement, useContext, useMemo, useSyncExternalStore, type ReactNode } from 'react';
import type { Confab, ConnectionState, ConversationList, MessageList, ThreadState, UnreadState } from './api.js';
import type { Conversation, Id, Message, Presence, ReadMarker, Typist, User } from './model.js';
import type { Readable } from './observable.js';

const Context = createContext<Confab | null>(null);

/** Gives a client to everything below it. It neither opens nor closes it: that is done by whoever calls `connect`. */
export function ConfabProvider(props: { readonly client: Confab; readonly children?: ReactNode }): ReactNode {
  return createElement(Context.Provider, { value: props.client }, props.children);
}

/** The client of the provider above. */
export function useConfab(): Confab {
  const client = useContext(Context);
  if (!client) throw new Error('useConfab needs a ConfabProvider above it');
  return client;
}

/** Any value of the store. */
export function useReadable<T>(readable: Readable<T>): T {
  return useSyncExternalStore(readable.subscribe, readable.get, readable.get);
}

export function useConnection(): ConnectionState {
  return useReadable(useConfab().connection);
}

export function useMe(): User | undefined {
  return useReadable(useConfab().me);
}

export function useUnread(): UnreadState {
  return useReadable(useConfab().unread);
}

/** What is not sent yet, in all conversations. */
export function useOutbox(): readonly Message[] {
  return useReadable(useConfab().outbox);
}

/** The conversations, those that are not archived where nothing is said. */
export function useConversations(
  which: 'current' | 'archived' = 'current',
): ConversationList & { readonly loadMore: () => Promise<void> } {
  const client = useConfab();
  const list = which === 'archived' ? client.archived : client.conversations;
  const state = useReadable(list);
  return useMemo(() => ({ ...state, loadMore: () => list.loadMore() }), [state, list]);
}

/** Undefined while it is unknown, and after the viewer has left it. */
export function useConversation(id: Id): Conversation | undefined {
  return useReadable(useConfab().conversation(id));
}

/** The messages of a conversation, as far back as was asked for. */
export function useMessages(conversationId: Id): MessageList & {
  readonly loadOlder: () => Promise<void>;
  readonly loadBackTo: (messageId: Id) => Promise<boolean>;
} {
  const messages = useConfab().messages(conversationId);
  const state = useReadable(messages);
  return useMemo(
    () => ({
      ...state,
      loadOlder: () => messages.loadOlder(),
      loadBackTo: (messageId: Id) => messages.loadBackTo(messageId),
    }),
    [state, messages],
  );
}

/** A message and the replies to it. */
export function useThread(messageId: Id): ThreadState {
  return useReadable(useConfab().thread(messageId));
}

/** Who types in a conversation, the viewer excepted. */
export function useTyping(conversationId: Id): readonly Typist[] {
  return useReadable(useConfab().typing(conversationId));
}

/** How far others have read. */
export function useReadMarkers(conversationId: Id): readonly ReadMarker[] {
  return useReadable(useConfab().readMarkers(conversationId));
}

export function usePresence(userId: Id): Presence | undefined {
  return useReadable(useConfab().presence(userId));
}

export function usePerson(userId: Id): User | undefined {
  return useReadable(useConfab().person(userId));
}
