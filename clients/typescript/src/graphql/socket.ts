// The protocol graphql-transport-ws, as much of it as a client speaks: one socket, opened once and never again.
import { ConfabError } from '../errors.js';

/** How long the server may take to accept the token. */
const ACK_TIMEOUT_MS = 10_000;
const OPEN = 1;

export interface Sink {
  next(result: Result): void;
  /** The operation was refused, or the socket was lost. */
  error(error: ConfabError): void;
  complete(): void;
}

export interface Result {
  readonly data?: unknown;
  readonly errors?: readonly RawError[];
}

export interface RawError {
  readonly message: string;
  readonly extensions?: { readonly code?: string; readonly retryAfterSeconds?: number };
}

type Frame =
  | { readonly type: 'connection_ack' | 'ping' | 'pong'; readonly id?: undefined }
  | { readonly type: 'next'; readonly id: string; readonly payload: Result }
  | { readonly type: 'error'; readonly id: string; readonly payload: readonly RawError[] }
  | { readonly type: 'complete'; readonly id: string };

export class Socket {
  readonly #socket: WebSocket;
  readonly #sinks = new Map<string, Sink>();
  readonly #pongs: Pick<Sink, 'complete' | 'error'>[] = [];
  #count = 0;
  #ended: ConfabError | undefined;
  /** Called once, with the reason, when the socket is over. */
  readonly #over: (error: ConfabError) => void;

  constructor(make: typeof WebSocket, url: string, token: string, ready: () => void, over: (error: ConfabError) => void) {
    this.#over = over;
    this.#socket = new make(url, 'graphql-transport-ws');
    const timer = setTimeout(() => this.end(lost('The server did not answer in time')), ACK_TIMEOUT_MS);
    this.#socket.onopen = () => this.#send({ type: 'connection_init', payload: { Authorization: `Bearer ${token}` } });
    this.#socket.onmessage = ({ data }) => {
      const frame = JSON.parse(String(data)) as Frame;
      if (frame.type === 'connection_ack') {
        clearTimeout(timer);
        ready();
      } else {
        this.#take(frame);
      }
    };
    this.#socket.onerror = () => {
      // The end comes, too, and says more.
    };
    this.#socket.onclose = ({ code, reason }) => {
      clearTimeout(timer);
      this.end(closing(code, reason));
    };
  }

  subscribe(query: string, variables: object, sink: Sink): void {
    if (this.#ended || this.#socket.readyState !== OPEN) return sink.error(lost(this.#ended?.message));
    const id = String((this.#count += 1));
    this.#sinks.set(id, sink);
    this.#send({ id, type: 'subscribe', payload: { query, variables } });
  }

  /** It is complete when the server has answered. */
  ping(sink: Pick<Sink, 'complete' | 'error'>): void {
    if (this.#ended) return sink.error(lost(this.#ended.message));
    this.#pongs.push(sink);
    this.#send({ type: 'ping' });
  }

  /** Ends it without waiting for a peer that may be gone; what waits for an answer is told. */
  end(error: ConfabError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#socket.close(1000);
    const sinks = [...this.#sinks.values(), ...this.#pongs];
    this.#sinks.clear();
    for (const sink of sinks) sink.error(lost(error.message));
    this.#over(error);
  }

  #take(frame: Frame): void {
    if (this.#ended) return;
    if (frame.type === 'ping') return this.#send({ type: 'pong' });
    if (frame.type === 'pong') return this.#pongs.splice(0).forEach((sink) => sink.complete());
    const sink = frame.id === undefined ? undefined : this.#sinks.get(frame.id);
    if (!sink) return;
    if (frame.type === 'next') return sink.next(frame.payload);
    this.#sinks.delete(frame.id as string);
    if (frame.type === 'error') sink.error(refusal(frame.payload));
    else sink.complete();
  }

  #send(frame: object): void {
    if (this.#socket.readyState === OPEN) this.#socket.send(JSON.stringify(frame));
  }
}

/** What the server said. */
export function refusal(errors: readonly RawError[]): ConfabError {
  const [first] = errors;
  const { code = 'INTERNAL', retryAfterSeconds } = first?.extensions ?? {};
  return new ConfabError(code, first?.message ?? code, retryAfterSeconds);
}

export const lost = (why = 'The connection was lost') => new ConfabError('DISCONNECTED', why);

/** Why a socket was closed, from its code. */
function closing(code: number, reason: string): ConfabError {
  if (code === 4403) return new ConfabError('UNAUTHENTICATED', reason || 'The token was refused');
  if (code === 1013) return new ConfabError('UNAVAILABLE', reason || 'The server cannot answer now');
  return lost(reason || undefined);
}
