import type { JetStreamMessage } from '../../jetstream/index.js';
import { pendingResult, settlementError, type CompiledHandler } from '../compile/index.js';
import type { SubjectRouter } from '../planning/index.js';
import type { Settlement, SettlementPolicy } from '../settlement/index.js';

/** A method to call, and the rules that its messages are settled by. */
export interface Route {
  readonly handler: CompiledHandler<JetStreamMessage>;
  readonly policy: SettlementPolicy;
}

/** What happens to the messages of one consumer. */
export interface MessageHandling {
  readonly ack: Settlement;
  /** Where messages go that the router, if there is one, knows no other way for. */
  readonly route: Route;
  readonly router?: SubjectRouter<Route>;
}

/**
 * A place for one message in the works; a runner has as many as it handles messages at once.
 *
 * The functions that wait for a handler's promise are made once, with the slot: a message costs no closure, and one
 * whose handler is synchronous no promise either.
 */
export class Slot {
  /** The message in the works. */
  message: JetStreamMessage | undefined;
  /** Whether handling it failed. */
  failed = false;

  private readonly resolved = (result: unknown): boolean => {
    // An asynchronous method may resolve to an observable: its end counts.
    const pending = pendingResult(result);
    if (pending === undefined) return this.settle(false, undefined);
    pending.then(this.resolved, this.rejected);
    return false;
  };
  private readonly rejected = (error: unknown): boolean => this.settle(true, error);
  private readonly finished = (): void => this.onFree(this);
  private route: Route;
  private waiting = false;

  constructor(
    private readonly handling: MessageHandling,
    /** Called when a message is through that was not through at once. */
    private readonly onFree: (slot: Slot) => void,
  ) {
    this.route = handling.route;
  }

  /** Handles a message; true where it is through already. */
  run(message: JetStreamMessage): boolean {
    const { router, route } = this.handling;
    this.message = message;
    this.waiting = false;
    if (router !== undefined) this.route = router.match(message.subject) ?? route;
    try {
      const pending = pendingResult(this.route.handler(message));
      if (pending !== undefined) {
        this.waiting = true;
        pending.then(this.resolved, this.rejected);
        return false;
      }
    } catch (error) {
      return this.settle(true, error);
    }
    return this.settle(false, undefined);
  }

  private settle(failed: boolean, error: unknown): boolean {
    const { message } = this;
    if (message === undefined) return true;
    const { ack } = this.handling;
    const { policy } = this.route;
    this.failed = failed;
    const pending = failed
      ? ack.onFailure(settlementError(error), message, policy)
      : ack.onSuccess(message, policy);
    if (pending !== undefined) {
      this.waiting = true;
      pending.then(this.finished, this.finished);
      return false;
    }
    if (this.waiting) this.onFree(this);
    return true;
  }
}
