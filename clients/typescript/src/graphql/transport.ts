// The transport of this package: everything over one WebSocket to `/graphql`.
import { ConfabError } from '../errors.js';
import type { Presence } from '../model.js';
import type { ChatEvent, Link, OpenOptions, Transport, TypingNotice } from '../transport.js';
import { requests, type Ask } from './requests.js';
import { lost, refusal, Socket } from './socket.js';
import { EVENTS, field, operation, PRESENCE, TYPING, type Variables } from './text.js';

export interface GraphqlOptions {
  /** The class where there is no global one, such as that of `ws` in Node.js before 22. */
  readonly webSocket?: unknown;
}

/** Everything over one WebSocket to `/graphql`. */
export function graphql({ webSocket }: GraphqlOptions = {}): Transport {
  const make = (webSocket ?? globalThis.WebSocket) as typeof WebSocket | undefined;
  if (!make) throw new ConfabError('BAD_REQUEST', 'There is no WebSocket here: name a class as webSocket');
  return { name: 'GraphQL', open: (how) => open(how, make) };
}

function open({ url, token, signal, on }: OpenOptions, webSocket: typeof WebSocket): Promise<Link> {
  return new Promise((done, fail) => {
    let isOpen = false;
    let isWanted = true;
    const over = (error: ConfabError) => {
      signal.removeEventListener('abort', close);
      if (!isOpen) fail(error);
      else if (isWanted) on.closed(error);
    };
    const ready = () => {
      isOpen = true;
      done({ listen, renew, ping, close, ...requests(ask) });
    };
    const socket = new Socket(webSocket, `${url.replace(/^http/, 'ws')}/graphql`, token, ready, over);

    const ask: Ask = (text, variables) =>
      new Promise((answer, refuse) => {
        socket.subscribe(text, variables, {
          next: ({ data, errors }) => (errors?.length ? refuse(refusal(errors)) : answer(data as never)),
          error: refuse,
          complete: () => refuse(lost()),
        });
      });

    /** Tells what is heard, until it is over for a reason. */
    const hear = <T>(name: string, args: Variables, selection: string, heard: (what: T) => void) =>
      new Promise<never>((_, fail) => {
        socket.subscribe(operation('subscription', args, field(name, args, selection)), args, {
          // What cannot be shown would be a hole: begin again from the last that could.
          next: ({ data, errors }) => (errors?.length ? fail(refusal(errors)) : heard((data as Record<string, T>)[name] as T)),
          error: fail,
          complete: () => fail(lost()),
        });
      });

    const listen = async (after: string): Promise<void> => {
      const events = hear<RawEvent>('events', { after }, EVENTS, (it) => on.event(event(it)));
      // The server answers in the order in which it is asked, so that a refusal comes before this.
      await Promise.race([ask('{__typename}', {}), events]);
      Promise.race([
        events,
        hear<TypingNotice>('typing', {}, TYPING, (it) => on.typing(it)),
        hear<Presence>('presence', {}, PRESENCE, (it) => on.presence(it)),
      ]).catch((error: ConfabError) => socket.end(error));
    };

    const renew = async (token: string): Promise<boolean> => {
      try {
        await ask(operation('mutation', { token }, field('renewToken', { token }, '{expiresAt}')), { token });
        return true;
      } catch (error) {
        // A server that does not know it.
        if (error instanceof ConfabError && error.code === 'BAD_REQUEST') return false;
        throw error;
      }
    };

    const ping = () => new Promise<void>((complete, error) => socket.ping({ complete, error }));

    const close = () => {
      isWanted = false;
      socket.end(lost());
    };

    signal.addEventListener('abort', close);
    if (signal.aborted) close();
  });
}

interface RawEvent {
  readonly cursor: string;
  readonly type: string;
}

/** An event under the name that it has in the log; an enum's spelling of it means the same. */
function event(raw: RawEvent): ChatEvent {
  const type = raw.type.includes('.') ? raw.type : raw.type.toLowerCase().replace('_', '.');
  return { ...raw, type: type as 'unknown' };
}
