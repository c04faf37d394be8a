// Asks the server over HTTP: REST for what it has, GraphQL for the little that it has not.
import { ConfabError } from '@confab/client';

interface Envelope {
  readonly success?: boolean;
  readonly error?: string | null;
  readonly code?: string;
  readonly data?: unknown;
  readonly page?: RestPage;
}

export interface RestPage {
  readonly hasMore: boolean;
  readonly next?: string | null;
  readonly before?: number | null;
  readonly after?: number | null;
}

export interface Answer<T> {
  readonly data: T;
  readonly page: RestPage;
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export class Http {
  readonly #url: string;
  #token: string;
  readonly #signal: AbortSignal;

  constructor(url: string, token: string, signal: AbortSignal) {
    this.#url = url;
    this.#token = token;
    this.#signal = signal;
  }

  /** What is asked next is asked with this one. */
  renew(token: string): void {
    this.#token = token;
  }

  async ask<T>(method: string, path: string, query: Query = {}, body?: unknown): Promise<Answer<T>> {
    const pairs = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
    const search = pairs.length ? `?${new URLSearchParams(pairs)}` : '';
    const [response, envelope] = await this.#fetch<Envelope>(method, `/api/chat${path}${search}`, body);
    if (!envelope.success) throw refusal(response, envelope.code, envelope.error);
    return { data: envelope.data as T, page: envelope.page ?? { hasMore: false } };
  }

  async get<T>(path: string, query?: Query): Promise<T> {
    return (await this.ask<T>('GET', path, query)).data;
  }

  async graphql<T>(query: string, variables: Readonly<Record<string, unknown>> = {}): Promise<T> {
    type Said = { data?: T; errors?: { message: string; extensions?: { code?: string; retryAfterSeconds?: number } }[] };
    const [response, said] = await this.#fetch<Said>('POST', '/graphql', { query, variables });
    const [error] = said.errors ?? [];
    if (error) throw new ConfabError(error.extensions?.code ?? 'INTERNAL', error.message, error.extensions?.retryAfterSeconds);
    if (!said.data) throw refusal(response);
    return said.data;
  }

  async #fetch<T>(method: string, path: string, body?: unknown): Promise<[Response, T]> {
    const headers: Record<string, string> = { accept: 'application/json', authorization: `Bearer ${this.#token}` };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const text = body === undefined ? null : JSON.stringify(body);
    let response: Response;
    try {
      response = await fetch(this.#url + path, { method, headers, body: text, signal: this.#signal });
      return [response, (await response.json()) as T];
    } catch {
      throw new ConfabError('DISCONNECTED', 'The server did not answer');
    }
  }
}

function refusal(response: Response, code?: string, sentence?: string | null): ConfabError {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const said = sentence ?? `The server answered ${response.status}`;
  return new ConfabError(code ?? (response.status >= 500 ? 'UNAVAILABLE' : 'BAD_REQUEST'), said, Number.isFinite(seconds) ? seconds : undefined);
}
