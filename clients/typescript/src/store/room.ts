// The newest messages of a conversation, as far back as was asked for.
import type { MessageList, Messages } from '../api.js';
import { compareIds, type Id, type StoredMessage } from '../model.js';
import { Holder, type HolderOwner } from './holder.js';

const LARGEST_PAGE = 100;
/** How far back a message is looked for. */
const MAX_BACK = 1_000;
/** Pages that are read again after a gap; what is older is loaded when it is asked for. */
const MAX_PAGES_ANEW = 5;
/** What a conversation keeps while nobody looks at it. */
const MAX_UNWATCHED = 200;
const KEPT_UNWATCHED = 100;

export class Room extends Holder<MessageList> implements Messages {
  readonly conversationId: Id;
  #hasOlder = false;
  #isLoadingOlder = false;

  constructor(id: Id, owner: HolderOwner, watched: () => void) {
    super(owner, watched);
    this.conversationId = id;
  }

  override touch(): void {
    if (!this.isWatched && this.shelf.items.length > MAX_UNWATCHED) {
      this.shelf.cutBefore((this.shelf.items[this.shelf.items.length - KEPT_UNWATCHED] as StoredMessage).id);
      this.#hasOlder = true;
    }
    super.touch();
  }

  async loadOlder(): Promise<void> {
    if (this.#isLoadingOlder || !this.isLoaded || !this.#hasOlder) return;
    this.#isLoadingOlder = true;
    try {
      await this.during(() => this.#readOlder(this.owner.pageSize));
    } finally {
      this.#isLoadingOlder = false;
      this.touch();
    }
  }

  async loadBackTo(messageId: Id): Promise<boolean> {
    if (!this.isLoaded) await this.load();
    const isBehind = () => compareIds(this.shelf.oldest?.id ?? '0', messageId) > 0;
    while (isBehind() && this.#hasOlder && this.shelf.items.length < MAX_BACK) {
      await this.during(() => this.#readOlder(LARGEST_PAGE));
    }
    return this.shelf.find(messageId) !== undefined;
  }

  protected state(): MessageList {
    return {
      items: [...this.show(), ...this.waiting(this.conversationId)],
      isLoaded: this.isLoaded,
      hasOlder: this.#hasOlder,
      isLoadingOlder: this.#isLoadingOlder,
      error: this.error,
    };
  }

  protected accepts(message: StoredMessage): boolean {
    // Older than what is loaded: it comes when that is.
    return message.conversationId === this.conversationId && (!this.#hasOlder || compareIds(message.id, this.shelf.oldest?.id ?? '0') > 0);
  }

  /** What is on the screen stays there until all that it is replaced by has come. */
  protected async read(ask: HolderOwner['ask']): Promise<() => void> {
    const oldest = this.shelf.oldest?.id;
    const limit = oldest ? LARGEST_PAGE : this.owner.pageSize;
    let found: readonly StoredMessage[] = [];
    let hasOlder = true;
    for (let pages = 0; pages < MAX_PAGES_ANEW && hasOlder; pages += 1) {
      const before = found[0]?.id;
      const query = { conversationId: this.conversationId, limit };
      const page = await ask((link) => link.messages(before ? { ...query, before } : query));
      found = [...page.items, ...found];
      hasOlder = page.hasMore;
      if (!oldest || compareIds(found[0]?.id ?? '0', oldest) <= 0) break;
    }
    return () => {
      this.shelf.clear();
      this.take(found);
      this.#hasOlder = hasOlder;
    };
  }

  async #readOlder(limit: number): Promise<() => void> {
    const before = this.shelf.oldest?.id ?? '1';
    const page = await this.owner.ask((link) => link.messages({ conversationId: this.conversationId, limit, before }));
    return () => {
      this.take(page.items);
      this.#hasOlder = page.hasMore;
    };
  }
}
