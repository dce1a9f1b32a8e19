import { Logger } from '@nestjs/common';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { sleep } from '../../timing/index.js';
import { type CompiledHandler, finalResult, pendingResult } from '../results/index.js';
import { FailureLog, messageName, type SettlementPolicy, verdictOn } from '../settlement/index.js';

/**
 * Handles a failed message again without a redelivery, with the backoff and the number of attempts of its retry rule.
 * An ordered consumer has no redelivery, and later messages must wait.
 *
 * @param signal ends the retries: aborted when the handler is stopped
 */
export function retryInPlace(
  next: CompiledHandler<JetStreamMessage>,
  policy: SettlementPolicy,
  signal: AbortSignal,
): CompiledHandler<JetStreamMessage> {
  const failures = new FailureLog(new Logger('JsConsumer'));
  const again = async (message: JetStreamMessage, thrown: unknown): Promise<unknown> => {
    const { metadata } = message;
    const { handler } = policy;
    let error = thrown;
    for (let number = 1; ; number++) {
      const verdict = verdictOn(error, { number, metadata, inPlace: true }, policy);
      if (verdict.action !== 'retry') throw error;
      const { delay, retryIfError } = verdict;
      if (retryIfError !== undefined) failures.failed(`${handler}: retry.retryIf failed`, retryIfError);
      const { maxDeliver } = policy.retry.ruleFor(error);
      failures.retried(messageName(message, policy, maxDeliver, number), handler, error, delay);
      await sleep(delay, signal);
      if (signal.aborted) throw error;
      try {
        return await finalResult(next(message));
      } catch (failure) {
        error = failure;
      }
    }
  };
  return (message) => {
    try {
      const result = next(message);
      const pending = pendingResult(result);
      if (pending === undefined) return result;
      return finalResult(pending).catch((error: unknown) => again(message, error));
    } catch (error) {
      return again(message, error);
    }
  };
}
