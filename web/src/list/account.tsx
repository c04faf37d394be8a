// Who is signed in, and how they want to be seen.
import { useRef, useState } from 'preact/hooks';
import type { PresenceStatus } from '@confab/client';
import { useConfab, useMe, usePresence } from '@confab/client/react';
import { useDesk, useMyId } from '../desk';
import { timeOfDay } from '../text/times';
import { switchTheme, theme } from '../theme';
import { Avatar, Dot, STATUS_WORDS } from '../ui/avatar';
import { Icon } from '../ui/icons';
import { Popover } from '../ui/popover';

const CHOICES: readonly (readonly [PresenceStatus, string])[] = [
  ['ONLINE', 'Online'],
  ['AWAY', 'Away'],
  ['DND', 'Do not disturb'],
  ['OFFLINE', 'Invisible'],
];

export function Account(props: { name: string; onSignOut?: () => void; expires?: number }) {
  const me = useMyId();
  const user = useMe();
  const presence = usePresence(me);
  const anchor = useRef<HTMLButtonElement>(null);
  const [isOpen, setOpen] = useState(false);
  const name = user?.name ?? props.name;
  const status = presence?.status ?? 'OFFLINE';
  return (
    <>
      <button ref={anchor} type="button" class="account" aria-expanded={isOpen} aria-haspopup="dialog" onClick={() => setOpen(!isOpen)}>
        <Avatar id={me} name={name} url={user?.avatarUrl} size={40} presence={status} />
        <span class="account-words">
          <strong>{name}</strong>
          <small>{presence?.statusMessage || STATUS_WORDS[status]}</small>
        </span>
        <Icon name="chevron" size={16} />
      </button>
      {isOpen ? (
        <Popover anchor={anchor} onClose={() => setOpen(false)} label={`${name}: how you are seen`} class="account-menu">
          <StatusForm status={status} message={presence?.statusMessage ?? ''} onDone={() => setOpen(false)} />
          <hr />
          <button type="button" class="line" onClick={switchTheme}>
            <Icon name={theme() === 'dark' ? 'sun' : 'moon'} size={18} />
            {theme() === 'dark' ? 'Light colours' : 'Dark colours'}
          </button>
          {props.onSignOut ? (
            <button type="button" class="line" onClick={props.onSignOut}>
              <Icon name="leave" size={18} />
              Sign out
            </button>
          ) : null}
          {props.expires ? <p class="fine">The token is valid until {timeOfDay(new Date(props.expires).toISOString())}.</p> : null}
        </Popover>
      ) : null}
    </>
  );
}

function StatusForm(props: { status: PresenceStatus; message: string; onDone: () => void }) {
  const client = useConfab();
  const { attempt } = useDesk();
  const [message, setMessage] = useState(props.message);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        props.onDone();
        void attempt(client.setPresence({ statusMessage: message.trim() }));
      }}
    >
      <div class="statuses" role="group" aria-label="Status">
        {CHOICES.map(([status, label]) => (
          <button key={status} type="button" class="line" aria-pressed={props.status === status} onClick={() => void attempt(client.setPresence({ status }))}>
            <Dot status={status} />
            {label}
            {props.status === status ? <Icon name="check" size={16} /> : null}
          </button>
        ))}
      </div>
      <label class="field">
        <span>Status message</span>
        <input maxLength={100} value={message} placeholder="What you are up to" onInput={(event) => setMessage(event.currentTarget.value)} />
      </label>
      {message.trim() !== props.message ? (
        <button type="submit" class="primary small">
          Set
        </button>
      ) : null}
    </form>
  );
}
