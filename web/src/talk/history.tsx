// The messages of a conversation, as far back as one scrolls.
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { TargetedKeyboardEvent } from 'preact';
import { compareIds, type Id, type Message, type ReadMarker } from '@confab/client';
import { useConfab, useConversation, useMessages, useReadMarkers, useTyping } from '@confab/client/react';
import { useDesk, useMyId } from '../desk';
import { summary } from '../list/preview';
import { dayName } from '../text/times';
import { Icon } from '../ui/icons';
import { useAnchor } from './anchor';
import { MessageView } from './message';
import { rows } from './rows';

const FLASH_TIME = 2_200;
/** How near to the top older messages are fetched, in pixels. */
const EARLY = 400;

export function History(props: { conversationId: Id; onEdit: (message: Message) => void }) {
  const { conversationId, onEdit } = props;
  const me = useMyId();
  const { jump, notify } = useDesk();
  const conversation = useConversation(conversationId);
  const { items, isLoaded, hasOlder, isLoadingOlder, error, loadOlder, loadBackTo } = useMessages(conversationId);
  const typists = useTyping(conversationId);
  const seen = useSeen(conversationId, items);
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const firstNew = useFirstNew(conversationId, items, isLoaded);
  const { isAtEnd, toEnd, toElement, onScroll } = useAnchor(box, content, items);
  const [marked, setMarked] = useState<string | null>(null);
  const byId = useMemo(() => new Map(items.map((it) => [it.id, it])), [items]);
  const made = useMemo(() => rows(items, firstNew), [items, firstNew]);
  const fresh = useFresh(items, me, isAtEnd);
  useRead(conversationId, items, isAtEnd && isLoaded);
  const spoken = useSpoken(items, me, isLoaded);

  // Where there is something new, one begins to read there.
  const hasStarted = useRef(false);
  useLayoutEffect(() => {
    if (!isLoaded || hasStarted.current) return;
    hasStarted.current = true;
    const line = content.current?.querySelector<HTMLElement>('.new-line');
    const [frame, below] = [box.current, line?.getBoundingClientRect()];
    if (line && frame && below && content.current) {
      const rest = content.current.getBoundingClientRect().bottom - below.top;
      if (rest > frame.clientHeight - 40) toElement(line, 'start');
    }
  }, [isLoaded, toElement]);

  const show = useCallback(
    async (messageId: Id) => {
      if (!(await loadBackTo(messageId))) return notify('This message is too far back to be shown here');
      requestAnimationFrame(() => {
        const element = content.current?.querySelector<HTMLElement>(`[data-message="${CSS.escape(messageId)}"]`);
        if (!element) return;
        toElement(element, 'center');
        element.focus({ preventScroll: true });
        setMarked(messageId);
        setTimeout(() => setMarked((now) => (now === messageId ? null : now)), FLASH_TIME);
      });
    },
    [loadBackTo, notify, toElement],
  );
  const jumped = useRef(0);
  useEffect(() => {
    if (!isLoaded || !jump || jump.conversationId !== conversationId || jump.count <= jumped.current) return;
    jumped.current = jump.count;
    void show(jump.messageId);
  }, [jump, isLoaded, conversationId, show]);

  // What one sends oneself is where one looks next.
  const lastOwn = items.findLast((it) => it.senderId === me && it.state !== 'sent')?.key;
  useLayoutEffect(() => {
    if (lastOwn) toEnd();
  }, [lastOwn, toEnd]);

  const more = () => {
    onScroll();
    if (box.current && box.current.scrollTop < EARLY && hasOlder && !isLoadingOlder && isLoaded) void loadOlder();
  };
  // A page that does not fill the column is no reason to stop.
  useEffect(() => {
    const frame = box.current;
    if (frame && isLoaded && hasOlder && !isLoadingOlder && frame.scrollHeight <= frame.clientHeight + EARLY) void loadOlder();
  }, [items, isLoaded, hasOlder, isLoadingOlder, loadOlder]);

  const onKeyDown = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    const all = [...(content.current?.querySelectorAll<HTMLElement>('article') ?? [])];
    const now = all.indexOf(document.activeElement as HTMLElement);
    if (event.key === 'End') return toEnd();
    if (event.key === 'Escape' && now < 0 && event.target !== box.current) {
      (event.target as HTMLElement).closest<HTMLElement>('article')?.focus();
      return;
    }
    const step = ({ ArrowDown: 1, ArrowUp: -1 } as Record<string, number>)[event.key];
    if (!step || (now < 0 && event.target !== box.current)) return;
    event.preventDefault();
    const next = now < 0 ? all[all.length - 1] : all[Math.max(0, Math.min(all.length - 1, now + step))];
    next?.focus({ preventScroll: false });
  };

  if (error && items.length === 0) {
    return (
      <div class="history empty">
        <p class="nothing" role="alert">
          {error.message}
        </p>
      </div>
    );
  }
  return (
    <div class="history-frame">
      <div class="history" ref={box} onScroll={more} tabIndex={0} role="group" aria-label={`Messages of ${conversation?.name ?? 'the conversation'}`} onKeyDown={onKeyDown}>
        <div class="history-content" ref={content}>
          {hasOlder || !isLoaded ? (
            <div class="older" aria-hidden="true" key="older">
              <span class="spinner" />
            </div>
          ) : items.length > 0 ? (
            <p class="beginning" key="beginning">
              {conversation?.type === 'GROUP' ? `This is where ${conversation.name} began` : `This is where you and ${conversation?.name ?? 'they'} began to talk`}
            </p>
          ) : null}
          {made.map((row) => {
            if (row.kind === 'day') return <Line key={row.key} words={dayName(row.time)} class="day-line" />;
            if (row.kind === 'new') return <Line key={row.key} words="New messages" class="new-line" />;
            return (
              <MessageView
                key={row.key}
                message={row.message}
                conversation={conversation}
                me={me}
                isFirst={row.isFirst}
                isLast={row.isLast}
                parent={row.message.parentMessageId ? byId.get(row.message.parentMessageId) : undefined}
                seenBy={seen.get(row.message.id)}
                isMarked={marked === row.message.id}
                onEdit={onEdit}
              />
            );
          })}
          {isLoaded && items.length === 0 ? <p class="nothing">Nothing was said here yet. Say hello!</p> : null}
          <div class="typists" key="typists">
            {typists.length > 0 ? (
              <span class="typing">
                <i />
                <i />
                <i />
                <span>{typists.length > 2 ? 'Several people are typing' : `${typists.map((it) => it.userName).join(' and ')} ${typists.length > 1 ? 'are' : 'is'} typing`}</span>
              </span>
            ) : null}
          </div>
        </div>
      </div>
      {!isAtEnd && isLoaded ? (
        <button type="button" class="to-end" aria-label={fresh > 0 ? `${fresh} new, to the newest message` : 'To the newest message'} onClick={() => toEnd(true)}>
          <Icon name="down" size={20} />
          {fresh > 0 ? <span class="badge">{fresh}</span> : null}
        </button>
      ) : null}
      <p class="sr" aria-live="polite" role="status">
        {spoken}
      </p>
    </div>
  );
}

function Line(props: { words: string; class: string }) {
  return (
    <p class={`line-across ${props.class}`}>
      <span>{props.words}</span>
    </p>
  );
}

/** The first message that had not been read on coming here; it stays that as long as one is here. */
function useFirstNew(conversationId: Id, items: readonly Message[], isLoaded: boolean): string | null {
  const me = useMyId();
  const conversation = useConversation(conversationId);
  const found = useRef<string | null | undefined>(undefined);
  const [unread] = useState(() => conversation?.unreadCount ?? 0);
  if (found.current === undefined && isLoaded) {
    const marker = conversation?.participants.find((it) => it.userId === me)?.lastReadMessageId ?? null;
    const isNew = (it: Message) => it.senderId !== me && it.state === 'sent' && (marker === null || compareIds(it.id, marker) > 0);
    const others = items.filter((it) => it.senderId !== me && it.state === 'sent' && !it.isDeleted);
    const first = unread > 0 ? (items.find(isNew) ?? others[others.length - unread]) : undefined;
    found.current = first?.key ?? null;
  }
  return found.current ?? null;
}

/** How many came from others while the end was out of sight. */
function useFresh(items: readonly Message[], me: string, isAtEnd: boolean): number {
  const last = useRef<string | undefined>(undefined);
  const newest = items.findLast((it) => it.state === 'sent')?.id;
  if (isAtEnd || last.current === undefined) last.current = newest;
  const seen = last.current;
  return seen === undefined ? 0 : items.filter((it) => it.state === 'sent' && it.senderId !== me && compareIds(it.id, seen) > 0).length;
}

/** Marks as read what is on the screen of somebody who is there. */
function useRead(conversationId: Id, items: readonly Message[], isInView: boolean): void {
  const client = useConfab();
  const unread = useConversation(conversationId)?.unreadCount ?? 0;
  const newest = items.findLast((it) => it.state === 'sent')?.id;
  useEffect(() => {
    if (!isInView || !newest || unread === 0) return;
    const mark = () => {
      if (document.visibilityState === 'visible') client.markRead(conversationId, newest);
    };
    mark();
    document.addEventListener('visibilitychange', mark);
    return () => document.removeEventListener('visibilitychange', mark);
  }, [client, conversationId, newest, unread, isInView]);
}

/** Who has read up to which message that is shown. */
function useSeen(conversationId: Id, items: readonly Message[]): ReadonlyMap<Id, readonly ReadMarker[]> {
  const markers = useReadMarkers(conversationId);
  return useMemo(() => {
    const seen = new Map<Id, ReadMarker[]>();
    const sent = items.filter((it) => it.state === 'sent');
    for (const marker of markers) {
      const last = sent.findLast((it) => compareIds(it.id, marker.lastReadMessageId) <= 0);
      // Nobody is told to have seen what they said themselves.
      if (last && last.senderId !== marker.userId) seen.set(last.id, [...(seen.get(last.id) ?? []), marker]);
    }
    return seen;
  }, [markers, items]);
}

/** What a screen reader is told: each message of others that comes while one is here. */
function useSpoken(items: readonly Message[], me: string, isLoaded: boolean): string {
  const last = useRef<string | null>(null);
  const spoken = useRef('');
  const newest = items.findLast((it) => it.state === 'sent');
  if (isLoaded && newest) {
    if (last.current !== null && compareIds(newest.id, last.current) > 0 && newest.senderId !== me) {
      spoken.current = `${newest.senderName}: ${summary(newest)}`;
    }
    if (last.current === null || compareIds(newest.id, last.current) > 0) last.current = newest.id;
  }
  return spoken.current;
}
