// The way over STOMP: what happens is heard on its queues and said to its destinations, what was is read over REST.
import {
  compareIds,
  ConfabError,
  isAfter,
  type ChatEvent,
  type Cursor,
  type Id,
  type Link,
  type OpenOptions,
  type OutgoingMessage,
  type StoredMessage,
  type Transport,
} from '@confab/client';
import { newer, requests } from './requests';
import { Http } from './rest';
import { Session, type Told } from './session';
import * as shape from './shapes';
import type { Raw } from './shapes';

const DURABLE = ['messages', 'reactions', 'receipts', 'conversations'] as const;
const VOLATILE = ['typing', 'presence'] as const;
const LOG_PAGE = 100;
/** How long the echo of an own message is waited for after its receipt. A repeat has none. */
const ECHO_TIMEOUT = 400;

export function stomp(): Transport {
  const memory: Memory = { newest: '0' };
  return { name: 'STOMP', open: (options) => open(options, memory) };
}

/** What outlives a connection: the newest message that was told. What is newer is told for the first time. */
interface Memory {
  newest: Id;
}

function open(options: OpenOptions, memory: Memory): Promise<Link> {
  return new Promise((done, fail) => {
    const over = new AbortController();
    const http = new Http(options.url, options.token, over.signal);
    const link = new StompLink(options, http, memory, () => done(link), (error) => {
      over.abort();
      fail(error);
    });
    options.signal.addEventListener('abort', () => link.close());
  });
}

interface StompLink extends Link {}

class StompLink {
  readonly #options: OpenOptions;
  readonly #http: Http;
  readonly #session: Session;
  #isOpen = false;
  #user: Id = '';
  readonly #memory: Memory;
  /** Heard while the log is read up to now; afterwards undefined. */
  #meanwhile: ChatEvent[] | undefined = [];
  #cursor: Cursor | undefined;
  readonly #echoes = new Map<string, (message: StoredMessage) => void>();

  constructor(options: OpenOptions, http: Http, memory: Memory, opened: () => void, failed: (error: ConfabError) => void) {
    this.#options = options;
    this.#http = http;
    this.#memory = memory;
    // What a page brings later may be newer than what was told.
    Object.assign(this, requests(http, (id) => this.#meanwhile && this.#note(id)));
    this.#session = new Session(
      options.url,
      options.token,
      (told) => this.#hear(told),
      (user) => {
        this.#isOpen = true;
        this.#user = user;
        opened();
      },
      (error, sentence) => void this.#explain(error, sentence).then((cause) => (this.#isOpen ? options.on.closed(cause) : failed(cause))),
    );
  }

  /** An ERROR says what is wrong in words alone: the code is what REST says of the same token. */
  async #explain(error: ConfabError, sentence: string | null): Promise<ConfabError> {
    if (sentence === null) return error;
    try {
      await this.#http.ask('GET', '/presence', { limit: 1 });
      return error;
    } catch (refused) {
      return refused instanceof ConfabError ? refused : error;
    }
  }

  async listen(after: Cursor): Promise<void> {
    for (const queue of [...DURABLE, ...VOLATILE]) this.#session.subscribe(queue);
    // Frames are handled in their order: with this answer the subscriptions are there, and what comes from now on is heard.
    await this.ping();
    let cursor = after;
    for (;;) {
      const { data, page } = await this.#http.ask<{ cursor: string; type: string; data: Raw }[]>('GET', '/events', { after: cursor, limit: LOG_PAGE });
      for (const entry of data) this.#tell(shape.logged(entry));
      cursor = page.next ?? cursor;
      if (!page.hasMore) break;
    }
    const heard = this.#meanwhile ?? [];
    this.#meanwhile = undefined;
    for (const event of heard) if (isAfter(event.cursor, cursor)) this.#tell(event);
  }

  #note(messageId: Id): void {
    this.#memory.newest = newer(this.#memory.newest, messageId);
  }

  #tell(event: ChatEvent): void {
    if (this.#cursor !== undefined && !isAfter(event.cursor, this.#cursor)) return;
    this.#cursor = event.cursor;
    if ('message' in event) this.#note(event.message.id);
    this.#options.on.event(event);
  }

  #hear({ queue, body, cursor }: Told): void {
    if (queue === 'typing') return this.#options.on.typing(shape.typing(body));
    if (queue === 'presence') return this.#options.on.presence(shape.presence(body));
    if (cursor === undefined) return;
    if (queue === 'messages') this.#echo(body);
    const event = this.#event(queue, body, cursor);
    if (this.#meanwhile) this.#meanwhile.push(event);
    else this.#tell(event);
  }

  #event(queue: string, body: Raw, cursor: Cursor): ChatEvent {
    if (queue === 'reactions') {
      return { cursor, type: body.added ? 'reaction.added' : 'reaction.removed', reaction: shape.reactionNotice(body) };
    }
    if (queue === 'receipts') return { cursor, type: 'receipt.moved', receipt: shape.receiptNotice(body) };
    if (queue === 'conversations') {
      const conversation = shape.conversation(body);
      if (body.event === 'left') return { cursor, type: 'participant.removed', conversationId: conversation.id, participant: shape.gone(this.#user) };
      if (body.event === 'created') return { cursor, type: 'conversation.created', change: { event: 'CREATED', conversation } };
      if (body.event === 'deleted') return { cursor, type: 'conversation.deleted', change: { event: 'DELETED', conversation } };
      return { cursor, type: 'conversation.updated', change: { event: 'UPDATED', conversation } };
    }
    const message = shape.eventMessage(body);
    const { newest } = this.#memory;
    // Where nothing is known to be the newest, its marks have to do.
    const isFirst = newest === '0' ? !message.isEdited && !message.isDeleted : compareIds(message.id, newest) > 0;
    return { cursor, type: isFirst ? 'message.sent' : message.isDeleted ? 'message.deleted' : 'message.updated', message };
  }

  #echo(body: Raw): void {
    const heard = typeof body.tempId === 'string' ? this.#echoes.get(body.tempId) : undefined;
    heard?.(shape.message(body));
  }

  async send(message: OutgoingMessage): Promise<StoredMessage> {
    const { conversationId, tempId } = message;
    const body = {
      content: message.content,
      ...(message.messageType ? { messageType: message.messageType } : {}),
      ...(message.attachmentIds.length ? { attachmentIds: message.attachmentIds.map(Number) } : {}),
      ...(message.parentMessageId ? { parentMessageId: Number(message.parentMessageId) } : {}),
      ...(message.metadata ? { metadata: message.metadata } : {}),
      tempId,
    };
    const echo = new Promise<StoredMessage>((heard) => this.#echoes.set(tempId, heard));
    try {
      await this.#session.send('send', { ...body, conversationId: Number(conversationId) });
      const late = new Promise<null>((done) => setTimeout(() => done(null), ECHO_TIMEOUT));
      const sent = await Promise.race([echo, late]);
      if (sent) return sent;
      // A repeat is not told anew: asked once more, the server answers with the first.
      const { data } = await this.#http.ask<Raw>('POST', `/conversations/${conversationId}/messages`, {}, body);
      return shape.message(data);
    } finally {
      this.#echoes.delete(tempId);
    }
  }

  setTyping(conversationId: Id, typing: boolean): Promise<void> {
    return this.#session.send('typing', { conversationId: Number(conversationId), typing });
  }

  async renew(token: string): Promise<boolean> {
    try {
      await this.#session.send('renew', { token });
      this.#http.renew(token);
      return true;
    } catch (error) {
      // A server that does not know it.
      if (error instanceof ConfabError && error.code === 'NOT_FOUND') return false;
      throw error;
    }
  }

  ping(): Promise<void> {
    return this.#session.send('heartbeat', {});
  }

  close(): void {
    this.#session.close();
  }
}
