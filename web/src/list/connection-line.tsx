// How the connection is, in a line, and the switch between the two ways to the server.
import { useEffect, useState } from 'preact/hooks';
import type { ConnectionState } from '@confab/client';
import { useConfab, useConnection, useOutbox } from '@confab/client/react';
import { useDesk } from '../desk';
import { WAYS } from '../session/client';

/** A number that changes each second while it is wanted. */
function useSeconds(isWanted: boolean): void {
  const [, tick] = useState(0);
  useEffect(() => {
    if (!isWanted) return;
    const timer = setInterval(() => tick((count) => count + 1), 500);
    return () => clearInterval(timer);
  }, [isWanted]);
}

export function words(state: ConnectionState): string {
  switch (state.status) {
    case 'connecting':
      return 'Connecting…';
    case 'online':
      return 'Live';
    case 'offline':
      return 'This machine is offline';
    case 'reconnecting': {
      const seconds = Math.ceil((state.at - Date.now()) / 1000);
      return seconds > 0 ? `Next attempt in ${seconds} s` : 'Reconnecting…';
    }
    case 'refused':
      return state.error.message;
    case 'closed':
      return 'Signed out';
  }
}

export function ConnectionLine() {
  const client = useConfab();
  const state = useConnection();
  const outbox = useOutbox();
  const { way, setWay } = useDesk();
  useSeconds(state.status === 'reconnecting');
  const waiting = outbox.filter((it) => it.state !== 'failed').length;
  return (
    <footer class="connection" data-state={state.status}>
      <span class="lamp" />
      <span class="connection-words" title={state.status === 'reconnecting' ? state.error.message : undefined}>
        <span role="status">{words(state)}</span>
        {waiting > 0 && state.status !== 'online' ? <small>{waiting === 1 ? '1 message waits' : `${waiting} messages wait`}</small> : null}
      </span>
      {state.status === 'reconnecting' || state.status === 'refused' ? (
        <button type="button" class="small-button" onClick={() => client.reconnect()}>
          Try now
        </button>
      ) : (
        <span class="ways" role="group" aria-label="Way to the server">
          {WAYS.map((it) => (
            <button key={it} type="button" aria-pressed={it === way} onClick={() => setWay(it)}>
              {it}
            </button>
          ))}
        </span>
      )}
    </footer>
  );
}
