import {
  Injectable,
  Logger,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Observable } from 'rxjs';
import type { JetStreamMessage } from '../../jetstream/index.js';
import type { JetStreamContext } from '../context/index.js';
import type { DeadLetterPublisher } from './dead-letters.js';
import { InvalidPayloadError, RetryMessage, TerminateMessage } from './retry.errors.js';
import { backoffOf, type SettlementPolicy } from './settlement-policy.js';

const DEAD_LETTER_RETRY = 1_000;

/**
 * What becomes of a message once its handler has ended:
 *
 * | the handler…                                  | the message                                                  |
 * | --------------------------------------------- | ------------------------------------------------------------ |
 * | returns or resolves                           | `ack` (`ackMode: 'confirmed'` waits for the server's word)   |
 * | throws                                        | `nak` with this delivery's backoff; at last dead letter, `term` |
 * | throws {@link RetryMessage}                   | `nak` with that delay                                        |
 * | throws {@link TerminateMessage}               | dead letter where one is set, `term`                         |
 * | gets a payload that is no payload, or invalid | dead letter where one is set, `term`                         |
 * | settled it itself, or `ackMode: 'manual'`     | nothing more                                                 |
 *
 * The compiled path calls `onSuccess` and `onFailure`; a subclass that overrides `intercept` has all its handlers'
 * messages go through that instead.
 */
@Injectable()
export class AckInterceptor implements NestInterceptor {
  private readonly logger = new Logger(AckInterceptor.name);

  /** @internal */
  constructor(private readonly deadLetters: DeadLetterPublisher) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { message, policy } = context.switchToRpc().getContext<JetStreamContext>();
    return new Observable((subscriber) => {
      const settled = (outcome: void | Promise<void>, result: unknown): void => {
        const end = (): void => {
          subscriber.next(result);
          subscriber.complete();
        };
        if (outcome) outcome.then(end, (error: unknown) => subscriber.error(error));
        else end();
      };
      let result: unknown;
      return next.handle().subscribe({
        next: (value) => (result = value),
        error: (error: unknown) => settled(this.onFailure(error, message, policy), undefined),
        complete: () => settled(this.onSuccess(message, policy), result),
      });
    });
  }

  /** The handler has returned or resolved. Returns a promise only where there is something to wait for. */
  onSuccess(message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void> {
    if (message.settled || policy.ackMode === 'manual') return;
    if (policy.ackMode === 'confirmed') {
      return message
        .doubleAck()
        .catch((error: unknown) =>
          this.logger.warn(`${this.name(message, policy)} may come again: ${text(error)}`),
        );
    }
    message.ack();
  }

  /** The handler has thrown or rejected, or could not be given its payload. Never throws. */
  onFailure(error: unknown, message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void> {
    if (message.settled) {
      this.logger.warn(
        `${this.name(message, policy)} was settled by its handler, which then failed: ${text(error)}`,
      );
      return;
    }
    if (error instanceof RetryMessage) return message.nak(error.delay);
    if (error instanceof InvalidPayloadError) {
      this.logger.warn(`${this.name(message, policy)} is terminated: ${error.message}`);
      return this.terminate(message, policy, 'invalid payload', error);
    }
    if (error instanceof TerminateMessage) {
      this.logger.warn(`${this.name(message, policy)} is terminated: ${error.reason}`);
      return this.terminate(message, policy, error.reason, error);
    }
    const delivery = message.metadata.deliveryCount;
    if (delivery < policy.maxDeliver) {
      const delay = backoffOf(policy, delivery);
      this.logger.warn(`${this.name(message, policy)} failed, to be retried in ${delay} ms: ${text(error)}`);
      return message.nak(delay);
    }
    this.logger.error(
      `${this.name(message, policy)} failed in its last delivery, ${delivery} of ${policy.maxDeliver}: ${text(error)}`,
      error instanceof Error ? error.stack : undefined,
    );
    return this.terminate(message, policy, 'deliveries used up', error);
  }

  private terminate(
    message: JetStreamMessage,
    policy: SettlementPolicy,
    reason: string,
    error: unknown,
  ): void | Promise<void> {
    if (!policy.deadLetter) return message.term(reason);
    return this.keep(message, policy, reason, error);
  }

  /** Terminates a message only after its dead letter is stored: it is tried until it is, and meanwhile kept alive. */
  private async keep(
    message: JetStreamMessage,
    policy: SettlementPolicy,
    reason: string,
    error: unknown,
  ): Promise<void> {
    for (;;) {
      try {
        await this.deadLetters.publish(message, policy, reason, error);
        break;
      } catch (failure) {
        this.logger.error(`No dead letter yet for ${this.name(message, policy)}: ${text(failure)}`);
        await new Promise((resolve) => setTimeout(resolve, DEAD_LETTER_RETRY));
        // Abandoned at shutdown meanwhile: it comes again.
        if (message.settled) return;
      }
    }
    if (!message.settled) message.term(reason);
  }

  private name(message: JetStreamMessage, { handler }: SettlementPolicy): string {
    const { stream, consumer, streamSequence, deliveryCount } = message.metadata;
    return (
      `${handler}: the message on "${message.subject}" (stream ${stream}, sequence ${streamSequence}, ` +
      `consumer ${consumer}, delivery ${deliveryCount})`
    );
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
