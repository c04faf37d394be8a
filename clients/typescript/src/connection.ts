// Keeps one link to the server open: tokens, pauses, pings, and whatever wakes a machine. It knows nothing of chat.
import type { ConnectionState } from './api.js';
import { ConfabError } from './errors.js';
import { Cell } from './observable.js';
import { Tokens } from './tokens.js';
import type { Link, LinkListener, Transport } from './transport.js';
import { withinMs } from './waiting.js';

const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 30_000;
const OPEN_TIMEOUT_MS = 15_000;
const PING_EVERY_MS = 20_000;
const PING_TIMEOUT_MS = 8_000;
/** After a sign that the machine slept, or that its network changed, a dead connection is not waited for so long. */
const CHECK_TIMEOUT_MS = 3_000;
const TICK_MS = 5_000;
/** A connection that held so long was a good one: pauses begin anew. */
const STABLE_MS = 5_000;
/** Tokens in a row that the server has not taken. */
const MAX_REFUSALS = 2;
const MAX_ATTEMPT_AFTER_SUCCESS = 2;

export interface ConnectionOwner {
  readonly url: string;
  readonly tokens: Tokens;
  readonly listener: Omit<LinkListener, 'closed'>;
  /** Brings the store up to date over a new link; a rejection is a failed attempt. */
  follow(link: Link): Promise<void>;
  /** A link is there and followed. */
  online(): void;
  /** The link has answered, as it is asked to now and then. */
  alive(): void;
}

export class Connection {
  readonly state = new Cell<ConnectionState>({ status: 'connecting' });
  readonly #owner: ConnectionOwner;
  #transport: Transport;
  #link: Link | undefined;
  #attempt = 0;
  #refusals = 0;
  /** The next attempt needs no pause: the link was ended from here. */
  #isAtOnce = false;
  /** Ends a pause before its time. */
  #hurry: (() => void) | undefined;
  /** Says to the one who drives that the link is gone. */
  #lost: ((error: ConfabError) => void) | undefined;
  #opening: AbortController | undefined;
  #openedAt = 0;
  #waiting = new Set<{ done: (link: Link) => void; fail: (error: ConfabError) => void }>();
  readonly #ends: (() => void)[] = [];

  constructor(owner: ConnectionOwner, transport: Transport) {
    this.#owner = owner;
    this.#transport = transport;
    this.#watchMachine();
    void this.#drive();
  }

  get transport(): Transport {
    return this.#transport;
  }

  /**
   * Performs it over the link, once there is one, and again over the next one where the connection went away before the
   * answer came and it `repeats`.
   */
  async ask<T>(perform: (link: Link) => Promise<T>, { repeats = true, patienceMs = 10_000 } = {}): Promise<T> {
    const until = Date.now() + patienceMs;
    for (;;) {
      const link = this.#link ?? (await this.#linkWithin(until - Date.now()));
      try {
        return await perform(link);
      } catch (error) {
        if (!(error instanceof ConfabError) || !/^(DISCONNECTED|UNAUTHENTICATED)$/.test(error.code)) throw error;
        // Whatever the link has to say of it, it is of no use any more.
        this.#end(link, error);
        if (!repeats || Date.now() >= until) throw error;
        while (this.#link === link) await Promise.resolve();
      }
    }
  }

  /** Tries at once. */
  reconnect(): void {
    const { status } = this.state.get();
    if (status === 'closed') return;
    if (status !== 'refused') return this.#check();
    this.#refusals = 0;
    this.#attempt = 0;
    this.state.set({ status: 'connecting' });
    void this.#drive();
  }

  use(transport: Transport): void {
    this.#transport = transport;
    if (this.#isOver()) return;
    this.#attempt = 0;
    this.#isAtOnce = true;
    this.#opening?.abort();
    this.#lost?.(anew());
    this.#hurry?.();
  }

  close(): void {
    if (this.state.get().status === 'closed') return;
    this.#stop({ status: 'closed' }, closed());
    for (const end of this.#ends) end();
    this.#owner.tokens.stop();
  }

  /** Puts a new token into the connection, or opens another one where that does not take it. */
  async renewToken(): Promise<void> {
    const link = this.#link;
    if (!link) return;
    try {
      const token = await this.#owner.tokens.renew();
      if (this.#link !== link) return;
      const isTaken = await link.renew(token).catch((error: unknown) => {
        if (error instanceof ConfabError && error.code === 'UNAUTHENTICATED') this.#owner.tokens.refuse(token);
        return false;
      });
      if (isTaken) return;
      this.#isAtOnce = true;
      this.#end(link, anew());
    } catch (error) {
      if (error instanceof ConfabError && error.code === 'FORBIDDEN') return this.#end(link, error);
      // The old one holds until its end; then the server says so, and another one is asked for.
    }
  }

  async #drive(): Promise<void> {
    for (;;) {
      const lost = await this.#hold().catch((error: unknown) => asRefusal(error));
      if (this.#isOver()) return;
      if (lost.code === 'UNAUTHENTICATED' && ++this.#refusals < MAX_REFUSALS) continue;
      if (lost.code === 'UNAUTHENTICATED' || lost.code === 'FORBIDDEN') return this.#stop({ status: 'refused', error: lost }, lost);
      await this.#pause(lost);
      if (this.#isOver()) return;
    }
  }

  /** Opens a link, and answers when it is lost with the reason. */
  async #hold(): Promise<ConfabError> {
    const opening = (this.#opening = new AbortController());
    this.#openedAt = Date.now();
    let token: string | undefined;
    let link: Link | undefined;
    let since: number | undefined;
    const lost = new Promise<ConfabError>((done) => {
      this.#lost = done;
    });
    const isMine = () => this.#opening === opening && !opening.signal.aborted;
    const { event, typing, presence } = this.#owner.listener;
    try {
      token = await withinMs(OPEN_TIMEOUT_MS, this.#owner.tokens.get());
      const opened = this.#transport.open({
        url: this.#owner.url,
        token,
        signal: opening.signal,
        on: {
          event: (it) => isMine() && event(it),
          typing: (it) => isMine() && typing(it),
          presence: (it) => isMine() && presence(it),
          closed: (error) => isMine() && this.#lost?.(error),
        },
      });
      link = await withinMs(OPEN_TIMEOUT_MS, opened);
      this.#owner.tokens.accept(token);
      // A connection that is lost meanwhile ends this, too.
      const followed = this.#owner.follow(link).then(() => undefined);
      followed.catch(() => {});
      const early = await withinMs(2 * OPEN_TIMEOUT_MS, Promise.race([followed, lost]));
      if (early) throw early;
      this.#link = link;
      this.#refusals = 0;
      since = Date.now();
      this.state.set({ status: 'online' });
      this.#owner.online();
      for (const { done } of this.#waiting) done(link);
      this.#waiting.clear();
      throw await lost;
    } catch (error) {
      const refusal = asRefusal(error);
      if (refusal.code === 'UNAUTHENTICATED') {
        // Without any token there is nothing to be tried.
        if (token === undefined) this.#refusals = MAX_REFUSALS;
        else this.#owner.tokens.refuse(token);
      }
      return refusal;
    } finally {
      // A server that lets one in and ends it at once is not asked without a pause, and not as seldom as one that is away.
      if (since !== undefined) this.#attempt = Date.now() - since >= STABLE_MS ? 0 : Math.min(this.#attempt, MAX_ATTEMPT_AFTER_SUCCESS);
      this.#link = undefined;
      this.#lost = undefined;
      opening.abort();
      link?.close();
    }
  }

  async #pause(error: ConfabError): Promise<void> {
    this.#attempt += 1;
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** (this.#attempt - 1), LONGEST_PAUSE_MS);
    const isOffline = globalThis.navigator?.onLine === false;
    // Half of it by chance, so that not all clients of a server that starts come in the same moment.
    let pause = isOffline ? LONGEST_PAUSE_MS : longest * (0.5 + Math.random() / 2);
    if (error.code === 'UNAVAILABLE' || error.code === 'RATE_LIMITED') {
      pause = Math.max(pause, 1000 * (error.retryAfterSeconds ?? 1));
    }
    if (this.#isAtOnce) pause = 0;
    this.#isAtOnce = false;
    const at = Date.now() + pause;
    this.state.set(isOffline ? { status: 'offline' } : { status: 'reconnecting', at, attempt: this.#attempt, error });
    await new Promise<void>((done) => {
      const timer = setTimeout(done, pause);
      this.#hurry = () => {
        clearTimeout(timer);
        done();
      };
    });
    this.#hurry = undefined;
    if (isOffline && !this.#isOver()) this.state.set({ status: 'reconnecting', at: Date.now(), attempt: this.#attempt, error });
  }

  #linkWithin(ms: number): Promise<Link> {
    const state = this.state.get();
    if (state.status === 'refused') return Promise.reject(state.error);
    if (state.status === 'closed') return Promise.reject(closed());
    return new Promise((done, fail) => {
      const settle = () => {
        clearTimeout(timer);
        this.#waiting.delete(entry);
      };
      const timer = setTimeout(() => entry.fail(new ConfabError('DISCONNECTED', 'There is no connection to the server')), Math.max(ms, 0));
      const entry = {
        done: (link: Link) => (settle(), done(link)),
        fail: (error: ConfabError) => (settle(), fail(error)),
      };
      this.#waiting.add(entry);
    });
  }

  /** The link is of no use any more. */
  #end(link: Link, error: ConfabError): void {
    if (this.#link === link) this.#lost?.(error);
  }

  #stop(state: ConnectionState, error: ConfabError): void {
    this.state.set(state);
    this.#opening?.abort();
    this.#lost?.(error);
    this.#hurry?.();
    for (const { fail } of [...this.#waiting]) fail(error);
  }

  #isOver(): boolean {
    const { status } = this.state.get();
    return status === 'closed' || status === 'refused';
  }

  /** Something may have happened to the network: a pause is over, and a connection has to answer soon. */
  #check(): void {
    this.#hurry?.();
    // An attempt that began before may wait for an answer that cannot come.
    const isOpening = !this.#link && this.#opening?.signal.aborted === false;
    if (isOpening && Date.now() - this.#openedAt > CHECK_TIMEOUT_MS) {
      this.#isAtOnce = true;
      this.#opening?.abort();
      this.#lost?.(anew());
    }
    void this.#ping(CHECK_TIMEOUT_MS);
  }

  async #ping(timeoutMs: number): Promise<void> {
    const link = this.#link;
    if (!link) return;
    try {
      await withinMs(timeoutMs, link.ping());
      this.#owner.alive();
    } catch (error) {
      this.#isAtOnce = true;
      this.#end(link, asRefusal(error));
    }
  }

  /** Pings, and notices when timers stood still, the network came back or the page is looked at again. */
  #watchMachine(): void {
    let last = Date.now();
    let sincePing = 0;
    const timer = setInterval(() => {
      const passed = Date.now() - last;
      last = Date.now();
      sincePing += passed;
      if (passed > 3 * TICK_MS) this.#check();
      else if (sincePing >= PING_EVERY_MS) void this.#ping(PING_TIMEOUT_MS);
      else return;
      sincePing = 0;
    }, TICK_MS);
    this.#ends.push(() => clearInterval(timer));

    const on = (target: EventTarget | undefined, name: string, heard: () => void) => {
      if (typeof target?.addEventListener !== 'function') return;
      target.addEventListener(name, heard);
      this.#ends.push(() => target.removeEventListener(name, heard));
    };
    const check = () => this.#check();
    on(globalThis as unknown as EventTarget, 'online', check);
    on(globalThis as unknown as EventTarget, 'offline', () => void this.#ping(CHECK_TIMEOUT_MS));
    on(globalThis.document, 'visibilitychange', () => document.visibilityState === 'visible' && check());
  }
}

const anew = () => new ConfabError('DISCONNECTED', 'The connection is made anew');
const closed = () => new ConfabError('ABORTED', 'The client was closed');

function asRefusal(error: unknown): ConfabError {
  if (error instanceof ConfabError) return error;
  return new ConfabError('DISCONNECTED', error instanceof Error ? error.message : String(error));
}
