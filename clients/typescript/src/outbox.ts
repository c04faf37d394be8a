// Messages on their way: shown at once, sent in their order, each stored once.
import type { Sending, SendInput } from './api.js';
import { Drafts, type Draft } from './drafts.js';
import { ConfabError, isInterruption } from './errors.js';
import type { Id, Message, MessageState, MessageType, StoredMessage, User } from './model.js';
import { Derived } from './observable.js';
import { randomName } from './random.js';
import type { OutgoingMessage } from './transport.js';

/** The server knows a `tempId` for 24 hours; a message that was tried longer ago might be stored twice. */
const MAX_RETRY_MS = 23 * 60 * 60 * 1000;
const PAUSE_MS = 1_000;

interface Entry {
  draft: Draft;
  state: Exclude<MessageState, 'sent'>;
  done(message: StoredMessage): void;
  fail(error: ConfabError): void;
  readonly sent: Promise<StoredMessage>;
  shown: Message | undefined;
}

export interface OutboxOwner {
  me(): User | undefined;
  send(message: OutgoingMessage): Promise<StoredMessage>;
  /** What it shows of this conversation has changed. */
  changed(conversationId: Id): void;
  /** The server has it: it was shown under this key. */
  stored(message: StoredMessage, key: string): void;
  /** Nothing of this conversation is on its way any more. */
  settled(conversationId: Id): void;
}

export class Outbox {
  readonly #owner: OutboxOwner;
  #drafts: Drafts | undefined;
  readonly #entries = new Map<string, Entry>();
  readonly #pumping = new Set<Id>();
  #isOver = false;
  readonly all = new Derived<readonly Message[]>(() => [...this.#entries.values()].map((it) => this.#show(it)));

  constructor(owner: OutboxOwner) {
    this.#owner = owner;
  }

  /** Where they are kept, once it is known whose they are. */
  keepIn(drafts: Drafts): void {
    this.#drafts = drafts;
    for (const { draft } of this.#entries.values()) drafts.keep(draft);
  }

  /**
   * There is a connection: what waits goes out, with what pages that are gone have left. It is said again now and then,
   * for a page may go while this one stays, and its lock ends only a moment after it.
   */
  async online(): Promise<void> {
    for (const draft of (await this.#drafts?.adopt().catch(() => undefined)) ?? []) {
      if (!this.#entries.has(draft.tempId) && !this.#isOver) this.#add(draft);
    }
    for (const id of new Set([...this.#entries.values()].map((it) => it.draft.conversationId))) void this.#pump(id);
  }

  send({ conversationId, content, attachments, parentMessageId, metadata }: SendInput): Sending {
    const draft: Draft = {
      tempId: randomName(),
      conversationId,
      content: content ?? null,
      attachments: attachments ?? [],
      parentMessageId: parentMessageId ?? null,
      metadata: metadata ?? null,
      writtenAt: Date.now(),
      triedAt: null,
      refusal: null,
    };
    const { sent } = this.#add(draft);
    this.#drafts?.keep(draft);
    void this.#pump(conversationId);
    return { tempId: draft.tempId, sent };
  }

  retry(tempId: string): void {
    const entry = this.#entries.get(tempId);
    if (entry?.state !== 'failed') return;
    // Behind those that are there: they were sent after it was refused.
    this.#entries.delete(tempId);
    const { sent } = this.#add({ ...entry.draft, writtenAt: Date.now(), triedAt: null, refusal: null });
    sent.then(entry.done, entry.fail);
    this.#drafts?.keep((this.#entries.get(tempId) as Entry).draft);
    void this.#pump(entry.draft.conversationId);
  }

  discard(tempId: string): void {
    const entry = this.#entries.get(tempId);
    if (!entry) return;
    this.#remove(entry);
    entry.fail(new ConfabError('ABORTED', 'The message was discarded'));
  }

  of(conversationId: Id): readonly Message[] {
    return this.#of(conversationId).map((it) => this.#show(it));
  }

  isSending(conversationId: Id): boolean {
    return this.#of(conversationId).some((it) => it.state === 'sending');
  }

  /** An event told which of them it is. */
  arrived(message: StoredMessage): void {
    const entry = message.tempId ? this.#entries.get(message.tempId) : undefined;
    if (entry && entry.draft.conversationId === message.conversationId) this.#finish(entry, message);
  }

  close(): void {
    this.#isOver = true;
    this.#drafts?.close();
  }

  #of(conversationId: Id): Entry[] {
    return [...this.#entries.values()].filter((it) => it.draft.conversationId === conversationId);
  }

  #add(draft: Draft): Entry {
    let done!: Entry['done'];
    let fail!: Entry['fail'];
    const sent = new Promise<StoredMessage>((...both) => ([done, fail] = both));
    // Whoever does not wait for it sees it in the list.
    sent.catch(() => {});
    const entry: Entry = { draft, state: draft.refusal ? 'failed' : 'waiting', done, fail, sent, shown: undefined };
    this.#entries.set(draft.tempId, entry);
    this.#changed(draft.conversationId);
    return entry;
  }

  #remove({ draft }: Entry): void {
    this.#entries.delete(draft.tempId);
    this.#drafts?.forget(draft.tempId);
    this.#changed(draft.conversationId);
  }

  /** One at a time, so that their order is the one in which they were written. */
  async #pump(conversationId: Id): Promise<void> {
    if (this.#pumping.has(conversationId)) return;
    this.#pumping.add(conversationId);
    try {
      for (let entry = this.#next(conversationId); entry; entry = this.#next(conversationId)) {
        if (this.#isOver || !(await this.#try(entry))) return;
      }
    } finally {
      this.#pumping.delete(conversationId);
    }
  }

  #next(conversationId: Id): Entry | undefined {
    return this.#of(conversationId).find((it) => it.state !== 'failed');
  }

  /** False where nothing more goes out until there is another connection. */
  async #try(entry: Entry): Promise<boolean> {
    const { tempId, conversationId, content, attachments, parentMessageId, metadata, triedAt } = entry.draft;
    if (triedAt !== null && Date.now() - triedAt > MAX_RETRY_MS) {
      this.#refuse(entry, new ConfabError('TIMEOUT', 'It is not known whether this message was sent'));
      return true;
    }
    this.#change(entry, 'sending', { triedAt: triedAt ?? Date.now() });
    const attachmentIds = attachments.map((it) => it.id);
    try {
      const messageType = typeOf(entry.draft);
      const outgoing = { conversationId, content, messageType, attachmentIds, parentMessageId, metadata, tempId };
      const message = await this.#owner.send(outgoing);
      this.#finish(entry, message);
    } catch (error) {
      if (this.#entries.get(tempId) !== entry) return true;
      const refusal = error instanceof ConfabError ? error : new ConfabError('DISCONNECTED', String(error));
      if (!isInterruption(refusal) && refusal.code !== 'ABORTED') {
        this.#refuse(entry, refusal);
        return true;
      }
      this.#change(entry, 'waiting');
      if (refusal.code === 'DISCONNECTED' || refusal.code === 'UNAUTHENTICATED' || refusal.code === 'ABORTED') return false;
      const seconds = refusal.retryAfterSeconds;
      await new Promise((done) => setTimeout(done, seconds === undefined ? PAUSE_MS : seconds * 1000));
    }
    return true;
  }

  #finish(entry: Entry, message: StoredMessage): void {
    if (this.#entries.get(entry.draft.tempId) !== entry) return;
    // Both at once: it is shown in its place, or where it waited, never twice and never in neither.
    this.#entries.delete(entry.draft.tempId);
    this.#drafts?.forget(entry.draft.tempId);
    this.#owner.stored(message, entry.draft.tempId);
    this.#changed(entry.draft.conversationId);
    this.#owner.settled(entry.draft.conversationId);
    entry.done(message);
  }

  #refuse(entry: Entry, error: ConfabError): void {
    this.#change(entry, 'failed', { refusal: { code: error.code, message: error.message } });
    this.#owner.settled(entry.draft.conversationId);
    entry.fail(error);
  }

  #change(entry: Entry, state: Entry['state'], change?: Partial<Draft>): void {
    entry.state = state;
    entry.shown = undefined;
    if (change) {
      entry.draft = { ...entry.draft, ...change };
      this.#drafts?.keep(entry.draft);
    }
    this.#changed(entry.draft.conversationId);
  }

  #changed(conversationId: Id): void {
    this.all.touch();
    this.#owner.changed(conversationId);
  }

  #show(entry: Entry): Message {
    const { draft, state } = entry;
    const me = this.#owner.me();
    entry.shown ??= {
      id: draft.tempId,
      key: draft.tempId,
      tempId: draft.tempId,
      conversationId: draft.conversationId,
      messageType: typeOf(draft),
      content: draft.content,
      senderId: me?.id ?? '',
      senderName: me?.name ?? '',
      parentMessageId: draft.parentMessageId,
      replyCount: 0,
      isEdited: false,
      isDeleted: false,
      attachments: draft.attachments.map((file) => ({ ...file, fileId: file.id })),
      reactions: [],
      createdAt: new Date(draft.writtenAt).toISOString(),
      editedAt: null,
      metadata: draft.metadata,
      state,
      error: draft.refusal,
    };
    return entry.shown;
  }
}

/** What the first file is, where there is one. */
function typeOf({ attachments }: Draft): MessageType {
  const [first] = attachments;
  if (!first) return 'TEXT';
  const [kind] = first.contentType.split('/');
  return kind === 'image' ? 'IMAGE' : kind === 'video' ? 'VIDEO' : kind === 'audio' ? 'AUDIO' : 'FILE';
}
