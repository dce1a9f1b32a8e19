import { Injectable, Logger } from '@nestjs/common';
import { ConnectionClosedError, PayloadTooLargeError } from '../../errors/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { errorText } from '../../reporting/index.js';
import { sleep } from '../../timing/index.js';
import { FailureLog } from './failure-log.js';
import { messageName } from './message-name.js';
import { settleKept } from './settle-kept.js';
import type { Settlement, SettlementPolicy, StoredDeadLetter } from './settlement-policy.js';
import { type Cause, verdictOn } from './verdict.js';

const FIRST_STORE_RETRY = 1_000;
const LONGEST_STORE_RETRY = 30_000;
/** The delay for a message whose dead letter is too large even without its payload, in milliseconds. */
const TOO_LARGE_RETRY = 30_000;

/**
 * Settles messages once their handler has ended:
 *
 * | the handler…                                  | the message                                                     |
 * | --------------------------------------------- | --------------------------------------------------------------- |
 * | returns or resolves                           | `ack` (`ackMode: 'confirmed'` waits for the server's answer)    |
 * | throws                                        | `nak` with this delivery's backoff; at last dead letter, `term` |
 * | throws {@link RetryMessage}                   | `nak` with that delay; at last dead letter, `term`              |
 * | throws {@link TerminateMessage}               | dead letter if the handler has them, `term`                     |
 * | gets a payload that cannot be decoded         | dead letter if the handler has them, `term`                     |
 * | throws, with `ackMode: 'first'` or `'none'`   | dead letter if the handler has them                             |
 * | settled it itself, or `ackMode: 'manual'`     | nothing more                                                    |
 *
 * To change the rules, extend this class and pass the subclass (or an instance) as `settlement` to a handler, or to the
 * module under `handlers`. Nest instantiates the subclass, which can inject the same providers as the handler's module.
 * Override `onStart`, `onSuccess` or `onFailure`.
 *
 * @example
 * ```ts
 * @Injectable()
 * export class CountingSettlement extends MessageSettlement {
 *   constructor(private readonly failures: FailureCounter) {
 *     super();
 *   }
 *
 *   override onFailure(error: unknown, message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void> {
 *     this.failures.count(policy.handler);
 *     return super.onFailure(error, message, policy);
 *   }
 * }
 * ```
 */
@Injectable()
export class MessageSettlement implements Settlement {
  private readonly logger = new Logger('Settlement');
  private readonly failures = new FailureLog(this.logger);

  /** Called before the handler. Never throws. */
  onStart(message: JetStreamMessage, policy: SettlementPolicy): void {
    if (policy.ackMode === 'first') message.ack();
  }

  /**
   * Called when the handler has returned or resolved. Never throws; returns a promise only if there is something to
   * wait for.
   */
  onSuccess(message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void> {
    const { ackMode } = policy;
    if (message.settled || ackMode === 'manual' || ackMode === 'none') return;
    if (ackMode === 'confirmed') {
      return message.doubleAck().catch((error: unknown) => {
        if (message.isCutOffBy(error)) return;
        this.logger.warn(
          `${messageName(message, policy)} may be delivered again, because its acknowledgement was not confirmed: ` +
            errorText(error),
        );
      });
    }
    message.ack();
  }

  /** Called when the handler has thrown or rejected, or its payload could not be decoded or validated. Never throws. */
  onFailure(error: unknown, message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void> {
    const what = messageName(message, policy);
    const { metadata } = message;
    const isAcknowledged = policy.ackMode !== 'first' && policy.ackMode !== 'none';
    if (isAcknowledged && message.settled) {
      return this.failures.refused(`${what} was settled by its handler, which then failed`, error);
    }
    const verdict = verdictOn(error, { number: metadata.deliveryCount, metadata }, policy);
    // Nothing can be settled any more. The end of the connection is reported once for each handler, so a message that
    // is delivered again, or becomes a dead letter because it was never settled, is not reported here.
    if (isAcknowledged && verdict.action !== 'terminate' && message.isCutOffBy(error)) return;
    if (verdict.action === 'retry') {
      const { delay, requested, retryIfError } = verdict;
      if (retryIfError !== undefined) {
        this.failures.failed(`${policy.handler}: retry.retryIf failed`, retryIfError);
      }
      if (!requested) {
        const { maxDeliver } = policy.retry.ruleFor(error);
        this.failures.retried(messageName(message, policy, maxDeliver), policy.handler, error, delay);
      }
      return message.nak(delay);
    }
    const { action, reason, cause } = verdict;
    const delivery = `${metadata.deliveryCount} of ${policy.retry.ruleFor(error).maxDeliver}`;
    this.report(cause, what, error, { delivery, isAcknowledged, isKept: action === 'dead-letter' });
    if (action === 'dead-letter') return this.keep(message, policy, reason, error);
    if (action === 'terminate') message.term(reason);
  }

  private report(
    cause: Cause,
    what: string,
    error: unknown,
    { delivery, isAcknowledged, isKept }: Ending,
  ): void {
    const end = isKept ? 'it becomes a dead letter' : 'it is not delivered again';
    switch (cause) {
      case 'asked':
        return this.failures.refused(
          `${what} is ${isAcknowledged ? 'terminated' : 'given up'} (${end})`,
          error,
        );
      case 'never-retried':
        return this.failures.failed(
          `${what} failed and is not delivered again${isKept ? ', but becomes a dead letter' : ''}`,
          error,
        );
      case 'not-retried':
        return this.failures.failed(
          `${what} failed and is not retried, as decided by retryIf (${end})`,
          error,
        );
      case 'used-up':
        return this.failures.failed(`${what} failed in its last delivery, ${delivery} (${end})`, error);
    }
  }

  /**
   * Settles a message only after its dead letter is stored. Storing is retried until it succeeds, and meanwhile the
   * message is kept in progress.
   */
  private async keep(
    message: JetStreamMessage,
    policy: SettlementPolicy,
    reason: string,
    error: unknown,
  ): Promise<void> {
    const settledBefore = message.settled;
    let stored: StoredDeadLetter | undefined;
    for (let wait = FIRST_STORE_RETRY; ; wait = Math.min(2 * wait, LONGEST_STORE_RETRY)) {
      try {
        stored = await policy.deadLetters?.publish(message, policy, reason, error);
        break;
      } catch (failure) {
        if (failure instanceof ConnectionClosedError) return;
        this.logger.error(
          `${messageName(message, policy)} could not be stored as a dead letter yet: ${errorText(failure)}`,
        );
        if (failure instanceof PayloadTooLargeError) {
          // The message stays in its stream, where it can be read, although no consumer of this handler receives it any
          // more.
          if (isPending(message, policy)) message.nak(TOO_LARGE_RETRY);
          return;
        }
        await sleep(wait);
        // The message was abandoned at shutdown in the meantime; it will be delivered again.
        if (message.settled !== settledBefore) return;
      }
    }
    settleKept(message, policy, stored ?? { needsOriginal: false }, reason);
  }
}

/** The outcome of a failed message, for the log. */
interface Ending {
  readonly delivery: string;
  readonly isAcknowledged: boolean;
  readonly isKept: boolean;
}

function isPending(message: JetStreamMessage, { ackMode }: SettlementPolicy): boolean {
  return !message.settled && ackMode !== 'none';
}
