// One STOMP session: frames, their receipts, and the refusals between them.
import { Client, type IFrame, type IMessage } from '@stomp/stompjs';
import { ConfabError } from '@confab/client';

/** What a queue tells; `cursor` on those of the log. */
export interface Told {
  readonly queue: string;
  readonly body: Record<string, unknown>;
  readonly cursor: string | undefined;
}

interface Refusal {
  readonly error: string;
  readonly code?: string;
  readonly retryAfterSeconds?: number;
}

const HEARTBEAT = 10_000;

export class Session {
  readonly #client: Client;
  readonly #receipts = new Map<string, { done: () => void; fail: (error: ConfabError) => void }>();
  #count = 0;
  /** Frames are answered in their order: a refusal is of the first that has no receipt yet. */
  readonly #refusals = new Map<string, ConfabError>();
  #isOver = false;
  readonly #ended: (error: ConfabError, sentence: string | null) => void;

  /**
   * `told` is called for each message of a queue, `ended` once, with the sentence of the server's ERROR if there was one.
   * `opened` is called with the user's id when the server has accepted the token.
   */
  constructor(url: string, token: string, told: (told: Told) => void, opened: (user: string) => void, ended: (error: ConfabError, sentence: string | null) => void) {
    this.#ended = ended;
    this.#client = new Client({
      brokerURL: `${url.replace(/^http/, 'ws')}/ws/chat/websocket`,
      connectHeaders: { Authorization: `Bearer ${token}` },
      reconnectDelay: 0,
      heartbeatIncoming: HEARTBEAT,
      heartbeatOutgoing: HEARTBEAT,
      onConnect: (frame: IFrame) => {
        this.subscribe('errors', ({ body }) => this.#refuse(body as unknown as Refusal));
        opened(frame.headers['user-name'] ?? '');
      },
      onStompError: (frame: IFrame) => this.#end(frame.headers.message ?? frame.body),
      onWebSocketClose: () => this.#end(null),
      onUnhandledReceipt: (frame: IFrame) => this.#receipt(frame.headers['receipt-id'] ?? ''),
    });
    this.#told = told;
    this.#client.activate();
  }

  readonly #told: (told: Told) => void;

  /** Listens to a queue; what comes goes to `heard`, else to where everything goes. */
  subscribe(queue: string, heard?: (told: Told) => void): void {
    this.#client.subscribe(`/user/queue/chat/${queue}`, (message: IMessage) => {
      const told = { queue, body: JSON.parse(message.body) as Record<string, unknown>, cursor: message.headers.cursor };
      (heard ?? this.#told)(told);
    });
  }

  /** Resolves when it took effect, rejects with the server's refusal. */
  send(destination: string, body: unknown): Promise<void> {
    if (!this.#client.connected || this.#isOver) return Promise.reject(lost());
    const receipt = `r${(this.#count += 1)}`;
    return new Promise((done, fail) => {
      this.#receipts.set(receipt, { done, fail });
      this.#client.publish({ destination: `/app/chat.${destination}`, body: JSON.stringify(body ?? {}), headers: { receipt } });
    });
  }

  /** Ends it without a word to `ended`. */
  close(): void {
    this.#isOver = true;
    this.#drop();
    // A socket that answers nothing any more is not waited for.
    void this.#client.deactivate({ force: !this.#client.connected });
  }

  #receipt(receipt: string): void {
    const waiting = this.#receipts.get(receipt);
    const refused = this.#refusals.get(receipt);
    this.#receipts.delete(receipt);
    this.#refusals.delete(receipt);
    if (refused) waiting?.fail(refused);
    else waiting?.done();
  }

  #refuse({ error, code, retryAfterSeconds }: Refusal): void {
    const [first] = this.#receipts.keys();
    // The sentence without what stands before it at this door.
    const sentence = error.replace(/^Failed to [^:]*: /, '');
    if (first !== undefined) this.#refusals.set(first, new ConfabError(code ?? 'BAD_REQUEST', sentence, retryAfterSeconds));
  }

  #end(sentence: string | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#drop();
    void this.#client.deactivate({ force: true });
    this.#ended(sentence === null ? lost() : new ConfabError('DISCONNECTED', sentence), sentence);
  }

  #drop(): void {
    for (const { fail } of this.#receipts.values()) fail(lost());
    this.#receipts.clear();
  }
}

const lost = () => new ConfabError('DISCONNECTED', 'The connection to the server is gone');
