// One person's window: a whole client of its own.
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import type { Confab, ConnectOptions } from '@confab/client';
import { ConfabProvider, useUnread } from '@confab/client/react';
import { useBack } from './back';
import { DeskProvider, useConversationIf, useDesk } from './desk';
import { Sidebar } from './list/sidebar';
import { keepWay, keptWay, open, transportOf, type Way } from './session/client';
import { Details } from './side/details';
import { Search } from './side/search';
import { Thread } from './side/thread';
import { Talk } from './talk/talk';
import { Icon } from './ui/icons';

export interface WindowProps {
  readonly user: string;
  readonly name: string;
  readonly getToken: ConnectOptions['getToken'];
  /** The conversation that is open at first. */
  readonly first?: string | null;
  readonly onSignOut?: () => void;
  /** When the token ends, in milliseconds since 1970. */
  readonly expires?: number;
  /** Whether the title of the page tells what is unread. */
  readonly ownsTitle?: boolean;
  /** What stands over the window. */
  readonly children?: ComponentChildren;
}

export function PersonWindow(props: WindowProps) {
  const { user, getToken } = props;
  const [client, setClient] = useState<Confab | null>(null);
  const [way, setWay] = useState<Way>(() => keptWay(user));
  useEffect(() => {
    const opened = open(user, getToken);
    setClient(opened);
    return () => opened.close();
  }, [user, getToken]);
  const choose = useCallback(
    (chosen: Way) => {
      keepWay(user, chosen);
      setWay(chosen);
      client?.use(transportOf(chosen));
    },
    [client, user],
  );
  if (!client) return null;
  return (
    <ConfabProvider client={client}>
      <DeskProvider user={user} name={props.name} way={way} setWay={choose} first={props.first}>
        <Body {...props} />
      </DeskProvider>
    </ConfabProvider>
  );
}

function Body(props: WindowProps) {
  const desk = useDesk();
  useBack(desk);
  const conversation = useConversationIf(desk.open);
  const { total } = useUnread();
  useEffect(() => {
    if (props.ownsTitle) document.title = total > 0 ? `(${total}) confab` : 'confab';
  }, [props.ownsTitle, total]);
  // Whoever is taken out of a conversation is not left in front of it.
  const [seen, setSeen] = useState<string | null>(null);
  useEffect(() => {
    if (conversation) setSeen(conversation.id);
    else if (desk.open && seen === desk.open) desk.show(null);
  }, [conversation, desk, seen]);
  const panel = useMemo(() => {
    if (!desk.open || !desk.panel) return null;
    if (desk.panel.kind === 'thread') return <Thread key={desk.panel.messageId} messageId={desk.panel.messageId} />;
    return desk.panel.kind === 'search' ? <Search key={desk.open} conversationId={desk.open} /> : <Details key={desk.open} conversationId={desk.open} />;
  }, [desk.open, desk.panel]);
  return (
    <section class="window" aria-label={`Chat of ${props.name}`} data-user={props.user}>
      {props.children}
      <div class={`columns${desk.open ? ' has-talk' : ''}${panel ? ' has-panel' : ''}`}>
        <Sidebar name={props.name} onSignOut={props.onSignOut} expires={props.expires} />
        {desk.open ? <Talk key={desk.open} conversationId={desk.open} /> : <Welcome />}
        {panel}
      </div>
      <p class={`notice${desk.notice ? ' shown' : ''}${desk.notice?.isBad ? ' bad' : ''}`} role="status" aria-live="polite">
        {desk.notice ? (
          <span key={desk.notice.count}>
            <Icon name={desk.notice.isBad ? 'alert' : 'check'} size={17} />
            {desk.notice.text}
          </span>
        ) : null}
      </p>
    </section>
  );
}

function Welcome() {
  const { name } = useDesk();
  return (
    <section class="talk welcome" aria-label={`No conversation of ${name}`}>
      <div>
        <svg viewBox="0 0 120 96" aria-hidden="true">
          <path class="one" d="M66 8h22a22 22 0 0 1 22 22v12a22 22 0 0 1-22 22v14L72 64h-6a22 22 0 0 1-22-22V30A22 22 0 0 1 66 8z" />
          <path class="two" d="M32 30h22a22 22 0 0 1 22 22v4a22 22 0 0 1-22 22h-8L30 92V78a22 22 0 0 1-20-22v-4a22 22 0 0 1 22-22z" />
        </svg>
        <h2 class="wordmark">Pick up a conversation</h2>
        <p>Or begin a new one with the pen above the list.</p>
      </div>
    </section>
  );
}
