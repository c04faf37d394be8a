// A message and the replies to it.
import type { ThreadState } from '../api.js';
import { compareIds, type Id, type StoredMessage } from '../model.js';
import { Derived } from '../observable.js';
import { Holder, type HolderOwner } from './holder.js';

const PAGE = 100;
/** Replies that are shown, the oldest ones. */
const MAX_REPLIES = 1_000;

export class Thread extends Holder {
  readonly #parentId: Id;
  readonly #shown: Derived<ThreadState>;
  readonly get: () => ThreadState;
  readonly subscribe: (listener: () => void) => () => void;

  constructor(parentId: Id, owner: HolderOwner, watched: (thread: Thread) => void) {
    super(owner);
    this.#parentId = parentId;
    this.#shown = new Derived(
      () => {
        const parent = this.shelf.find(parentId);
        const waiting = parent ? this.waiting(parent.conversationId).filter((it) => it.parentMessageId === parentId) : [];
        return {
          parent: parent ? owner.views.show(parent) : null,
          replies: [...this.show().filter((it) => it.id !== parentId), ...waiting],
          isLoaded: this.isLoaded,
          error: this.error,
        };
      },
      (isWatched) => isWatched && watched(this),
    );
    this.get = this.#shown.get;
    this.subscribe = this.#shown.subscribe;
  }

  get isWatched(): boolean {
    return this.#shown.isWatched;
  }

  get conversationId(): Id | undefined {
    return this.shelf.find(this.#parentId)?.conversationId;
  }

  want(): void {
    if (this.isWatched && !this.isLoaded && !this.isLoading) void this.load();
  }

  touch(): void {
    this.#shown.touch();
  }

  protected accepts(message: StoredMessage): boolean {
    return message.parentMessageId === this.#parentId || message.id === this.#parentId;
  }

  /** The parent, which is older than its replies, first on the shelf. */
  protected async read(ask: HolderOwner['ask']): Promise<() => void> {
    const parent = await ask((link) => link.message(this.#parentId));
    const replies: StoredMessage[] = [];
    for (let hasMore = true; hasMore && replies.length < MAX_REPLIES; ) {
      const after = replies[replies.length - 1]?.id;
      const query = { messageId: this.#parentId, limit: PAGE };
      const page = await ask((link) => link.replies(after ? { ...query, after } : query));
      replies.push(...page.items);
      hasMore = page.hasMore;
    }
    replies.sort((one, other) => compareIds(one.id, other.id));
    return () => {
      this.shelf.clear();
      this.take([parent, ...replies]);
    };
  }
}
