import { Logger } from '@nestjs/common';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { errorStack, errorText } from '../../reporting/index.js';
import { type CompiledHandler, pendingResult } from '../results/index.js';
import type { SubjectRouter } from '../routing/index.js';
import { messageName, type Settlement, type SettlementPolicy } from '../settlement/index.js';
import type { CleanScope } from './clean-scope.js';
import type { MessageKeys } from './message-keys.js';

/** A method to call, and the rules that its messages are settled by. */
export interface Route {
  readonly handler: CompiledHandler<JetStreamMessage>;
  readonly policy: SettlementPolicy;
}

/** What happens to the messages of one consumer. */
export interface MessageHandling {
  readonly ack: Settlement;
  /** Where messages go, if there is no router. */
  readonly route: Route;
  readonly router?: Pick<SubjectRouter<never, Route>, 'find'> | undefined;
  /** What handlers run in. */
  readonly scope: CleanScope;
  /** Refuses messages that `orderBy` gave no key, if messages are ordered. */
  readonly keys?: MessageKeys | undefined;
}

/** Calls each of its functions once, also for promises whose own `then` would not. */
// oxlint-disable-next-line unbound-method -- called on the promise
const { then } = Promise.prototype;

/**
 * A place for one message in flight; a runner has as many as it handles messages at once. It is given back exactly once
 * for each message, whatever the handler and the settlement of its outcome do.
 *
 * The functions that wait for a handler's promise are made once, with the slot: a message costs no closure, and one
 * whose handler is synchronous no promise either.
 */
export class Slot {
  /** The message in flight. */
  message: JetStreamMessage | undefined;
  /** Whether handling it failed. */
  failed = false;

  private readonly begin = (message: JetStreamMessage): Promise<unknown> | undefined => {
    this.handling.keys?.check(message, this.route.policy);
    return pendingResult(this.route.handler(message));
  };
  private readonly resolved = (result: unknown): boolean => {
    // An asynchronous method may resolve to an observable or a generator: its end counts.
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
    /** Called when a message has ended that had not ended when `run` returned. Must not throw. */
    private readonly onFree: (slot: Slot) => void,
  ) {
    this.route = handling.route;
  }

  /** Handles a message; true if it has ended already. Never throws. */
  run(message: JetStreamMessage): boolean {
    const { router, scope } = this.handling;
    this.message = message;
    this.waiting = false;
    if (router !== undefined) this.route = router.find(message.subject);
    try {
      const pending = scope.run(this.begin, message);
      if (pending !== undefined) {
        pending.then(this.resolved, this.rejected);
        this.waiting = true;
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
    this.failed = failed;
    const pending = this.settlement(message, error);
    if (pending !== undefined) {
      this.waiting = true;
      void then.call(pending, this.finished, this.finished);
      return false;
    }
    if (this.waiting) this.onFree(this);
    return true;
  }

  /** Hooks of users may have a part in it: what they throw must not cost the slot. */
  private settlement(message: JetStreamMessage, error: unknown): Promise<void> | undefined {
    const { ack } = this.handling;
    const { policy } = this.route;
    try {
      const pending = this.failed ? ack.onFailure(error, message, policy) : ack.onSuccess(message, policy);
      return pending ? Promise.resolve(pending) : undefined;
    } catch (thrown) {
      reportUnsettled(message, policy, thrown);
      return undefined;
    }
  }
}

const logger = new Logger('JsConsumer');

/** Reports that settling a message failed: the message comes again. */
export function reportUnsettled(message: JetStreamMessage, policy: SettlementPolicy, thrown: unknown): void {
  logger.error(
    `${messageName(message, policy)} was not settled and comes again after ackWait: ${errorText(thrown)}`,
    errorStack(thrown),
  );
}
