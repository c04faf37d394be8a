// That the viewer types: told now and then while it lasts, and ended when nothing more comes.
import type { Id } from './model.js';

/** How often it is told again; the server forgets it after five seconds. */
const AGAIN_MS = 2_500;
const END_MS = 4_000;

export class Keystrokes {
  readonly #rooms = new Map<Id, { toldAt: number; timer: ReturnType<typeof setTimeout> }>();
  readonly #tell: (conversationId: Id, typing: boolean) => void;

  constructor(tell: (conversationId: Id, typing: boolean) => void) {
    this.#tell = tell;
  }

  set(conversationId: Id, typing: boolean): void {
    const known = this.#rooms.get(conversationId);
    if (known) clearTimeout(known.timer);
    if (!typing) {
      if (known) this.#tell(conversationId, false);
      this.#rooms.delete(conversationId);
      return;
    }
    const now = Date.now();
    const isDue = !known || now - known.toldAt >= AGAIN_MS;
    const timer = setTimeout(() => this.set(conversationId, false), END_MS);
    this.#rooms.set(conversationId, { toldAt: isDue ? now : known.toldAt, timer });
    if (isDue) this.#tell(conversationId, true);
  }

  /** A message was sent: the server ends it by itself. */
  sent(conversationId: Id): void {
    clearTimeout(this.#rooms.get(conversationId)?.timer);
    this.#rooms.delete(conversationId);
  }

  clear(): void {
    for (const { timer } of this.#rooms.values()) clearTimeout(timer);
    this.#rooms.clear();
  }
}
