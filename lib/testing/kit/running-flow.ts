import type { PendingWork } from './errors.js';
import type { DeadLetteredMessage, HandledMessage, PublishedMessage, TestFlow } from './flow.js';

/** Something that a flow waits for. */
export interface Pending {
  describe(): PendingWork & { readonly text: string };
}

/** A flow while its messages are handled. It is settled when nothing is pending. */
export class RunningFlow implements TestFlow {
  readonly handled: HandledMessage[] = [];
  readonly published: PublishedMessage[] = [];
  readonly deadLettered: DeadLetteredMessage[] = [];
  private readonly pending = new Set<Pending>();
  private readonly waiting = new Set<() => void>();

  constructor(
    /** Called when the flow is settled. */
    private readonly onSettled: () => void = () => undefined,
  ) {}

  get isSettled(): boolean {
    return this.pending.size === 0;
  }

  get work(): readonly Pending[] {
    return [...this.pending];
  }

  begin(pending: Pending): void {
    this.pending.add(pending);
  }

  end(pending: Pending): void {
    if (!this.pending.delete(pending) || this.pending.size > 0) return;
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
    return { handled: [...handled], published: [...published], deadLettered: [...deadLettered] };
  }
}
