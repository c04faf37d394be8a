// A message and the replies to it.
import type { ThreadState } from '../api.js';
import { compareIds, type Id, type StoredMessage } from '../model.js';
import { Holder, type HolderOwner } from './holder.js';

const PAGE = 100;
/** Replies that are shown, the oldest ones. */
const MAX_REPLIES = 1_000;

export class Thread extends Holder<ThreadState> {
  readonly #parentId: Id;

  constructor(parentId: Id, owner: HolderOwner, watched: () => void) {
    super(owner, watched);
    this.#parentId = parentId;
  }

  get conversationId(): Id | undefined {
    return this.shelf.find(this.#parentId)?.conversationId;
  }

  protected state(): ThreadState {
    const parent = this.shelf.find(this.#parentId);
    const waiting = parent ? this.waiting(parent.conversationId) : [];
    return {
      parent: parent ? this.owner.views.show(parent) : null,
      replies: [...this.show().filter((it) => it.id !== this.#parentId), ...waiting.filter((it) => it.parentMessageId === this.#parentId)],
      isLoaded: this.isLoaded,
      error: this.error,
    };
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
