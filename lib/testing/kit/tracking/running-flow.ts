import type { PendingWork } from '../errors.js';
import type { DeadLetteredMessage, HandledMessage, PublishedMessage, TestFlow } from '../flow.js';
import { withHandlers } from './known-handlers.js';
import { afterThisTurn } from './real-timers.js';

/** Something that a flow waits for. */
export interface Pending {
  describe(): PendingWork & { readonly text: string };
}

/**
 * A flow while its messages are handled. It is settled when nothing is pending, and nothing has begun by the end of the turn of the
 * event loop: a handler may have started work that it does not await.
 */
export class RunningFlow implements TestFlow {
  readonly handled: HandledMessage[] = [];
  readonly published: PublishedMessage[] = [];
  readonly deadLettered: DeadLetteredMessage[] = [];
  private readonly pending = new Set<Pending>();
  private readonly waiting = new Set<() => void>();
  /** How often nothing was pending. */
  private turns = 0;
  /** Whether nothing is pending since this turn of the event loop. */
  private isEnding = false;

  constructor(
    /** Called when the flow is settled. */
    private readonly onSettled: () => void = () => undefined,
    /** Returns the names of all handlers. */
    private readonly handlers: () => readonly string[] = () => [],
  ) {}

  get isSettled(): boolean {
    return this.pending.size === 0 && !this.isEnding;
  }

  get work(): readonly Pending[] {
    return [...this.pending];
  }

  begin(pending: Pending): void {
    this.pending.add(pending);
  }

  end(pending: Pending): void {
    if (!this.pending.delete(pending) || this.pending.size > 0) return;
    const turn = ++this.turns;
    this.isEnding = true;
    afterThisTurn(() => {
      if (turn === this.turns) this.settle();
    });
  }

  private settle(): void {
    this.isEnding = false;
    if (this.pending.size > 0) return;
    for (const settled of this.waiting) settled();
    this.waiting.clear();
    this.onSettled();
  }

  /** Calls a function when nothing is pending; the returned function cancels that. */
  whenSettled(act: () => void): () => void {
    this.waiting.add(act);
    return () => this.waiting.delete(act);
  }

  /** A copy of the flow so far. */
  snapshot(): TestFlow {
    const { handled, published, deadLettered } = this;
    const copy = { handled: [...handled], published: [...published], deadLettered: [...deadLettered] };
    return withHandlers(copy, this.handlers());
  }
}
