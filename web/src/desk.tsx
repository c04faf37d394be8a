// What one person's window shows: which conversation, what beside it, and what is said in passing.
import { createContext, type ComponentChildren } from 'preact';
import { useCallback, useContext, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Conversation, Id, Readable } from '@confab/client';
import { useConfab, useMe, useReadable } from '@confab/client/react';
import type { Way } from './session/client';

export type Panel = { readonly kind: 'thread'; readonly messageId: Id } | { readonly kind: 'details' } | { readonly kind: 'search' };

export interface Jump {
  readonly conversationId: Id;
  readonly messageId: Id;
  /** Tells one jump from the next to the same place. */
  readonly count: number;
}

export interface Notice {
  readonly text: string;
  readonly isBad: boolean;
  readonly count: number;
}

export interface Desk {
  /** Whose window it is, before the server has said so. */
  readonly user: Id;
  readonly name: string;
  readonly open: Id | null;
  readonly panel: Panel | null;
  readonly jump: Jump | null;
  readonly notice: Notice | null;
  readonly way: Way;
  /** What was written and not sent, by conversation or thread. */
  readonly drafts: Map<string, string>;
  show(conversation: Id | null): void;
  showPanel(panel: Panel | null): void;
  jumpTo(conversation: Id, message: Id): void;
  notify(text: string): void;
  /** Tells what was refused, in the server's words. */
  attempt<T>(work: Promise<T>): Promise<T | undefined>;
  setWay(way: Way): void;
}

const Context = createContext<Desk | null>(null);

export function useDesk(): Desk {
  const desk = useContext(Context);
  if (!desk) throw new Error('there is no desk above');
  return desk;
}

const NOTICE_TIME = 6_000;

export function DeskProvider(props: { user: Id; name: string; way: Way; setWay: (way: Way) => void; first?: Id | null; children: ComponentChildren }) {
  const { user, name, way, setWay } = props;
  const [open, setOpen] = useState<Id | null>(props.first ?? null);
  const [panel, showPanel] = useState<Panel | null>(null);
  const [jump, setJump] = useState<Jump | null>(null);
  const [notice, setNotice] = useState<Notice | null>(null);
  const drafts = useRef(new Map<string, string>());
  const count = useRef(0);

  const say = useCallback((text: string, isBad: boolean) => setNotice({ text, isBad, count: (count.current += 1) }), []);
  useEffect(() => {
    if (!notice) return;
    const timer = setTimeout(() => setNotice(null), NOTICE_TIME);
    return () => clearTimeout(timer);
  }, [notice]);

  const show = useCallback((conversation: Id | null) => {
    setOpen(conversation);
    showPanel(null);
  }, []);
  const jumpTo = useCallback((conversationId: Id, messageId: Id) => {
    setOpen(conversationId);
    setJump({ conversationId, messageId, count: (count.current += 1) });
  }, []);
  const attempt = useCallback(
    async <T,>(work: Promise<T>): Promise<T | undefined> => {
      try {
        return await work;
      } catch (error) {
        say(error instanceof Error ? error.message : String(error), true);
        return undefined;
      }
    },
    [say],
  );
  const notify = useCallback((text: string) => say(text, false), [say]);
  const desk = useMemo<Desk>(
    () => ({ user, name, open, panel, jump, notice, way, drafts: drafts.current, show, showPanel, jumpTo, notify, attempt, setWay }),
    [user, name, open, panel, jump, notice, way, show, jumpTo, notify, attempt, setWay],
  );
  return <Context.Provider value={desk}>{props.children}</Context.Provider>;
}

const NONE: Readable<undefined> = { get: () => undefined, subscribe: () => () => {} };

/** A conversation, where there is one to speak of. */
export function useConversationIf(id: Id | null): Conversation | undefined {
  const client = useConfab();
  return useReadable<Conversation | undefined>(id === null ? NONE : client.conversation(id));
}

/** The viewer's id, as the server says it or the token did. */
export function useMyId(): Id {
  const { user } = useDesk();
  return useMe()?.id ?? user;
}

/** What the viewer may do in a conversation, as far as a page has to know: the server judges. */
export function useRights(conversation: Id | null) {
  const me = useMyId();
  const known = useConversationIf(conversation);
  return useMemo(() => {
    const role = known?.participants.find((it) => it.userId === me)?.role ?? 'MEMBER';
    const isGroup = known?.type === 'GROUP';
    const leads = isGroup && role !== 'MEMBER';
    return {
      role,
      isGroup,
      leads,
      owns: isGroup && role === 'OWNER',
      canReply: known?.allowReplies ?? true,
      canReact: known?.allowReactions ?? true,
      canUpload: known?.allowFileUploads ?? true,
    };
  }, [known, me]);
}
