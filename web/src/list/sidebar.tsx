// The left column: who is signed in, the conversations, and how the connection is.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { TargetedKeyboardEvent } from 'preact';
import type { Conversation } from '@confab/client';
import { useConfab, useConversations, useUnread } from '@confab/client/react';
import { useDesk } from '../desk';
import { Icon } from '../ui/icons';
import { IconButton } from '../ui/popover';
import { Account } from './account';
import { ConnectionLine } from './connection-line';
import { NewChat } from './new-chat';
import { Row } from './row';

type Filter = 'all' | 'unread' | 'archived';

const FILTERS: readonly (readonly [Filter, string])[] = [
  ['all', 'All'],
  ['unread', 'Unread'],
  ['archived', 'Archived'],
];

export function Sidebar(props: { name: string; onSignOut?: () => void; expires?: number }) {
  const { show, showPanel, open } = useDesk();
  const [filter, setFilter] = useState<Filter>('all');
  const [text, setText] = useState('');
  const [isStarting, setStarting] = useState(false);
  const unread = useUnread();
  return (
    <nav class="sidebar" aria-label={`Conversations of ${props.name}`}>
      <header class="side-head">
        <Account name={props.name} onSignOut={props.onSignOut} expires={props.expires} />
        <IconButton icon="compose" label="New conversation" onClick={() => setStarting(true)} />
      </header>
      <div class="filter">
        <Icon name="search" size={17} />
        <input
          type="search"
          placeholder="Find a chat"
          aria-label="Find a chat"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </div>
      <div class="tabs" role="group" aria-label="Which conversations">
        {FILTERS.map(([key, label]) => (
          <button key={key} type="button" aria-pressed={filter === key} onClick={() => setFilter(key)}>
            {label}
            {key === 'unread' && unread.total > 0 ? <span class="count">{unread.total}</span> : null}
          </button>
        ))}
      </div>
      <List filter={filter} text={text.trim()} />
      {text.trim() && open ? (
        <button type="button" class="search-all" onClick={() => showPanel({ kind: 'search' })}>
          <Icon name="search" size={16} /> Search messages instead
        </button>
      ) : null}
      <ConnectionLine />
      {isStarting ? (
        <NewChat
          onClose={() => setStarting(false)}
          onOpened={(conversation) => {
            setStarting(false);
            show(conversation.id);
          }}
        />
      ) : null}
    </nav>
  );
}

function List({ filter, text }: { filter: Filter; text: string }) {
  const { open, show } = useDesk();
  const { items, isLoaded, hasMore, loadMore } = useConversations(filter === 'archived' ? 'archived' : 'current');
  const found = useFound(text);
  const list = useRef<HTMLUListElement>(null);
  const shown = useMemo(() => {
    const words = text.toLocaleLowerCase();
    const own = items.filter((it) => !words || (it.name ?? '').toLocaleLowerCase().includes(words));
    const known = new Set(own.map((it) => it.id));
    const all = words ? [...own, ...found.filter((it) => !known.has(it.id))] : own;
    return filter === 'unread' ? all.filter((it) => it.unreadCount > 0 || it.id === open) : all;
  }, [items, text, filter, found, open]);

  const onKeyDown = (event: TargetedKeyboardEvent<HTMLUListElement>) => {
    const step = ({ ArrowDown: 1, ArrowUp: -1 } as Record<string, number>)[event.key];
    if (!step) return;
    const rows = [...(list.current?.querySelectorAll<HTMLElement>('button.row') ?? [])];
    const now = rows.indexOf(document.activeElement as HTMLElement);
    event.preventDefault();
    rows[Math.max(0, Math.min(rows.length - 1, now + step))]?.focus();
  };

  if (!isLoaded) return <ul class="rows" aria-busy="true" aria-label="Conversations">{[0, 1, 2, 3].map((it) => <li key={it} class="row ghost" />)}</ul>;
  if (shown.length === 0) {
    const words = text ? 'No conversation has this name' : { all: 'Nobody has written yet', unread: 'You have read it all', archived: 'Nothing is archived' }[filter];
    return <p class="nothing">{words}</p>;
  }
  return (
    <ul class="rows" ref={list} onKeyDown={onKeyDown} aria-label="Conversations">
      {shown.map((conversation) => (
        <Row key={conversation.id} conversation={conversation} isOpen={conversation.id === open} onOpen={() => show(conversation.id)} />
      ))}
      {hasMore && !text ? <More load={loadMore} /> : null}
    </ul>
  );
}

/** Fetches the next page of the list when its end comes into view. */
function More({ load }: { load: () => Promise<void> }) {
  const end = useRef<HTMLLIElement>(null);
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && void load());
    if (end.current) observer.observe(end.current);
    return () => observer.disconnect();
  }, [load]);
  return <li ref={end} class="row ghost" aria-hidden="true" />;
}

/** Groups that the server finds, archived ones included. */
function useFound(text: string): readonly Conversation[] {
  const client = useConfab();
  const [found, setFound] = useState<readonly Conversation[]>([]);
  useEffect(() => {
    setFound([]);
    if (text.length < 2) return;
    let isWanted = true;
    const timer = setTimeout(() => {
      client.findConversations(text).then(
        (groups) => isWanted && setFound(groups),
        // What the page has already is shown all the same.
        () => {},
      );
    }, 250);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [client, text]);
  return found;
}
