import { Logger } from '@nestjs/common';
import type { JetStreamMessage } from '../../jetstream/index.js';
import type { HandlerObserver } from '../../instruments/index.js';
import { errorStack, errorText } from '../../reporting/index.js';
import { type CompiledHandler, pendingResult } from '../results/index.js';
import type { SubjectRouter } from '../routing/index.js';
import { afterFailedHook, messageName, type Settlement, type SettlementPolicy } from '../settlement/index.js';
import type { CleanScope } from './clean-scope.js';
import type { MessageKeys } from './message-keys.js';
import { type Handled, reportHandled } from './observation.js';

/** A method to call, and the rules for settling its messages. */
export interface Route {
  readonly handler: CompiledHandler<JetStreamMessage>;
  readonly policy: SettlementPolicy;
  /** Passes the messages to instruments, if any is interested. */
  readonly observer?: HandlerObserver | undefined;
}

/** How the messages of one consumer are handled. */
export interface MessageHandling {
  readonly ack: Settlement;
  /** The route of all messages, if there is no router. */
  readonly route: Route;
  readonly router?: Pick<SubjectRouter<never, Route>, 'find'> | undefined;
  /** The asynchronous scope of handlers. */
  readonly scope: CleanScope;
  /** Rejects messages without a valid `orderBy` key, if messages are ordered. */
  readonly keys?: MessageKeys | undefined;
}

/** Calls each callback at most once, even for promises whose own `then` does not. */
// oxlint-disable-next-line unbound-method -- called on the promise
const { then } = Promise.prototype;

/**
 * A place for one message in flight; a runner has as many slots as it handles messages at once. A slot is released
 * exactly once for each message, regardless of how the handler and the settlement end.
 *
 * The functions that wait for a handler's promise are created once, with the slot, so that a message does not need a
 * closure, and a message with a synchronous handler does not need a promise.
 */
export class Slot {
  /** The message in flight. */
  message: JetStreamMessage | undefined;
  /** Whether handling it failed. */
  failed = false;
  private error: unknown;
  private startedAt = 0;

  private readonly begin = (message: JetStreamMessage): Promise<unknown> | undefined => {
    this.handling.keys?.check(message, this.route.policy);
    return pendingResult(this.route.handler(message));
  };
  private readonly resolved = (result: unknown): boolean => {
    // An asynchronous method may resolve to an observable or a generator; the message then ends when that ends.
    const pending = pendingResult(result);
    if (pending === undefined) return this.settle(false, undefined);
    pending.then(this.resolved, this.rejected);
    return false;
  };
  private readonly rejected = (error: unknown): boolean => this.settle(true, error);
  private readonly finished = (): void => this.onFree(this);
  private route: Route;
  /** What is awaited: nothing, the handler, or the settlement. */
  private awaited: 'nothing' | 'handler' | 'settlement' = 'nothing';

  constructor(
    private readonly handling: MessageHandling,
    /** Called when a message ends after `run` has returned. Must not throw. */
    private readonly onFree: (slot: Slot) => void,
  ) {
    this.route = handling.route;
  }

  /** Whether the handler of the message in flight has not ended. */
  get isHandling(): boolean {
    return this.awaited === 'handler';
  }

  /** Handles a message; returns `true` if it has already ended. Never throws. */
  run(message: JetStreamMessage): boolean {
    const { router, scope } = this.handling;
    this.message = message;
    this.awaited = 'nothing';
    if (router !== undefined) this.route = router.find(message.subject);
    if (this.route.observer !== undefined) this.observeStart(message, this.route.observer);
    try {
      const pending = scope.run(this.begin, message);
      if (pending !== undefined) {
        pending.then(this.resolved, this.rejected);
        this.awaited = 'handler';
        return false;
      }
    } catch (error) {
      return this.settle(true, error);
    }
    return this.settle(false, undefined);
  }

  /** Passes the message that has ended to the instruments of its handler. */
  observeEnd(message: JetStreamMessage): void {
    const { observer, policy } = this.route;
    if (observer !== undefined) reportHandled(observer, message, policy, this.handled);
  }

  private get handled(): Handled {
    const { failed, error, startedAt } = this;
    return { failed, error, startedAt };
  }

  private observeStart(message: JetStreamMessage, observer: HandlerObserver): void {
    this.startedAt = performance.now();
    observer.started(message);
  }

  private settle(failed: boolean, error: unknown): boolean {
    const { message } = this;
    if (message === undefined) return true;
    this.failed = failed;
    this.error = error;
    const pending = this.settlement(message, error);
    if (pending !== undefined) {
      this.awaited = 'settlement';
      void then.call(pending, this.finished, this.finished);
      return false;
    }
    if (this.awaited === 'handler') this.onFree(this);
    return true;
  }

  /** Hooks of users may be involved: their errors must not prevent the release of the slot. */
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

/** Reports that settling a message failed, and what becomes of the message. */
export function reportUnsettled(message: JetStreamMessage, policy: SettlementPolicy, thrown: unknown): void {
  logger.error(
    `${messageName(message, policy)} was not settled: ${errorText(thrown)}. ${afterFailedHook(message, policy)}`,
    errorStack(thrown),
  );
}
