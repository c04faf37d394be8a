// The token that is in force, and when the next one is due. It knows no connection.
import type { ConnectOptions } from './api.js';
import { ConfabError } from './errors.js';

/** How long before its end a token is replaced: a minute, of short-lived ones a fifth of their life. */
const LEAD_MS = 60_000;
/** Timers hold 31 bits. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** What a JWT says, as far as it can be read; it is not verified. */
function claimsOf(token: string): { readonly exp?: unknown; readonly sub?: unknown } {
  try {
    const body = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/');
    return JSON.parse(atob(body)) as object;
  } catch {
    return {};
  }
}

const subjectOf = (token: string): string => String(claimsOf(token).sub);

/** Its end in milliseconds. */
function expiryOf(token: string): number | undefined {
  const { exp } = claimsOf(token);
  return typeof exp === 'number' ? exp * 1000 : undefined;
}

export class Tokens {
  readonly #ask: ConnectOptions['getToken'];
  readonly #due: () => void;
  #current: string | null = null;
  /** Whom the first one spoke for, as a text. */
  #subject: string | undefined;
  #refused: string | null = null;
  #asked: Promise<string> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Calls `due` when it is time to `renew`. */
  constructor(ask: ConnectOptions['getToken'], due: () => void) {
    this.#ask = ask;
    this.#due = due;
  }

  /** The one in force, or another one where it was refused or is over. `UNAUTHENTICATED` where there is none. */
  async get(): Promise<string> {
    const ends = this.#current === null ? undefined : expiryOf(this.#current);
    if (this.#current !== null && (ends === undefined || ends > Date.now())) return this.#current;
    return this.renew();
  }

  /** Another one. Several callers at a time get the same. */
  renew(): Promise<string> {
    this.#asked ??= this.#fetch().finally(() => {
      this.#asked = undefined;
    });
    return this.#asked;
  }

  /** The server took it: whoever it speaks for is the one user of this client. */
  accept(token: string): void {
    this.#subject ??= subjectOf(token);
  }

  /** The server did not take it. */
  refuse(token: string): void {
    this.#refused = token;
    if (this.#current === token) this.#current = null;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async #fetch(): Promise<string> {
    const refused = this.#refused;
    const token = await this.#ask({ refused });
    // None, or the one that the server has refused.
    if (!token || token === refused) throw new ConfabError('UNAUTHENTICATED', 'The token was refused');
    // The store is that of one user.
    if (subjectOf(token) !== (this.#subject ?? subjectOf(token))) throw new ConfabError('FORBIDDEN', 'The token is that of another user');
    const isNew = token !== this.#current;
    this.#current = token;
    this.#refused = null;
    this.#schedule(token, isNew);
    return token;
  }

  #schedule(token: string, isNew: boolean): void {
    clearTimeout(this.#timer);
    const ends = expiryOf(token);
    if (ends === undefined) return;
    const left = ends - Date.now();
    // Whoever gives the same one again is asked again, more and more often, until it ends.
    const wait = isNew ? left - Math.min(LEAD_MS, left / 5) : Math.max(left / 2, 1_000);
    this.#timer = setTimeout(() => this.#due(), Math.min(Math.max(wait, 1_000), LONGEST_TIMER_MS));
  }
}
