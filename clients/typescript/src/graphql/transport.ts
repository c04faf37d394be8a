// The transport of this package: everything over one WebSocket to `/graphql`.
import { ConfabError } from '../errors.js';
import type { Presence } from '../model.js';
import type { ChatEvent, Link, OpenOptions, Transport, TypingNotice } from '../transport.js';
import { DOCUMENTS, type DocumentName } from './documents.js';
import { requests } from './requests.js';
import { lost, refusal, Socket } from './socket.js';

export interface GraphqlOptions {
  /** The class where there is no global one, such as that of `ws` in Node.js before 22. */
  readonly webSocket?: unknown;
}

/** Everything over one WebSocket to `/graphql`. */
export function graphql({ webSocket }: GraphqlOptions = {}): Transport {
  return { name: 'GraphQL', open: (how) => open(how, (webSocket ?? globalThis.WebSocket) as typeof WebSocket) };
}

/** Asks and answers with `data`. */
export type Ask = <T>(name: DocumentName, variables?: Record<string, unknown>) => Promise<T>;

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

    const ask: Ask = (name, variables = {}) =>
      new Promise((answer, refuse) => {
        socket.subscribe(DOCUMENTS[name], variables, {
          next: ({ data, errors }) => (errors?.length ? refuse(refusal(errors)) : answer(data as never)),
          error: refuse,
          complete: () => refuse(lost()),
        });
      });

    /** Tells what is heard, until it is over for a reason. */
    const hear = <T>(name: DocumentName, variables: Record<string, unknown>, heard: (data: T) => void) =>
      new Promise<never>((_, fail) => {
        socket.subscribe(DOCUMENTS[name], variables, {
          // What cannot be shown would be a hole: begin again from the last that could.
          next: ({ data, errors }) => (errors?.length ? fail(refusal(errors)) : heard(data as T)),
          error: fail,
          complete: () => fail(lost('The server ended a subscription')),
        });
      });

    const listen = async (after: string): Promise<void> => {
      const over = Promise.race([
        hear<{ events: RawEvent }>('events', { after }, ({ events }) => on.event(event(events))),
        hear<{ typing: TypingNotice }>('typing', {}, ({ typing }) => on.typing(typing)),
        hear<{ presence: Presence }>('presences', {}, ({ presence }) => on.presence(presence)),
      ]);
      // The server answers in the order in which it is asked, so that a refusal comes before this.
      await Promise.race([ask('alive'), over]);
      over.catch((error: ConfabError) => socket.end(error));
    };

    const renew = async (token: string): Promise<boolean> => {
      try {
        await ask('renewToken', { token });
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
      socket.end(lost('The connection was closed'));
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
