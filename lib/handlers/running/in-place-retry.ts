import type { JetStreamMessage } from '../../jetstream/index.js';
import { sleep } from '../../timing/index.js';
import { settlementError, type CompiledHandler } from '../compile/index.js';
import { finalResult, pendingResult } from '../results/index.js';
import {
  InvalidPayloadError,
  retryDelay,
  RetryMessage,
  TerminateMessage,
  type SettlementPolicy,
} from '../settlement/index.js';

/**
 * Handles a message that failed again on the spot, with the backoff of its rule and as often as that says: an ordered
 * consumer has no redelivery, and what comes after must wait.
 *
 * @param signal ends the retries: the handler is stopped
 */
export function retryInPlace(
  next: CompiledHandler<JetStreamMessage>,
  policy: SettlementPolicy,
  signal: AbortSignal,
): CompiledHandler<JetStreamMessage> {
  const again = async (message: JetStreamMessage, thrown: unknown): Promise<unknown> => {
    let error = thrown;
    for (let attempt = 1; ; attempt++) {
      const wait = waitBefore(error, attempt, message, policy);
      if (wait === undefined) throw error;
      await sleep(wait, signal);
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

/** How long to wait before the message is handled again; `undefined` where it is not. */
function waitBefore(
  error: unknown,
  attempt: number,
  { metadata }: JetStreamMessage,
  { retry }: SettlementPolicy,
): number | undefined {
  if (error instanceof TerminateMessage || settlementError(error) instanceof InvalidPayloadError)
    return undefined;
  if (error instanceof RetryMessage) return attempt < retry.maxDeliver ? (error.delay ?? 0) : undefined;
  const rule = retry.ruleFor(error);
  const again = attempt < rule.maxDeliver && (rule.retryIf?.(error, metadata) ?? true);
  return again ? retryDelay(rule, attempt) : undefined;
}
