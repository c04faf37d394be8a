// A line over the messages while the connection is away.
import { useEffect, useState } from 'preact/hooks';
import { useConfab, useConnection, useOutbox } from '@confab/client/react';
import { words } from '../list/connection-line';
import { Icon } from '../ui/icons';

/** A blink is not worth a word. */
const PATIENCE = 700;

export function ConnectionBanner() {
  const client = useConfab();
  const state = useConnection();
  const outbox = useOutbox();
  const isAway = state.status !== 'online' && state.status !== 'connecting';
  const [isLong, setLong] = useState(false);
  const [, tick] = useState(0);
  useEffect(() => {
    setLong(false);
    if (!isAway) return;
    const first = setTimeout(() => setLong(true), PATIENCE);
    const each = setInterval(() => tick((count) => count + 1), 500);
    return () => {
      clearTimeout(first);
      clearInterval(each);
    };
  }, [isAway]);
  if (!isAway || !isLong) return null;
  const waiting = outbox.length;
  return (
    <div class="banner">
      <Icon name="alert" size={18} />
      <span>
        <strong>{words(state)}.</strong> {waiting > 0 ? 'What you write is sent when the server is back.' : 'You can go on writing.'}
      </span>
      <button type="button" class="small-button" onClick={() => client.reconnect()}>
        Try now
      </button>
    </div>
  );
}
