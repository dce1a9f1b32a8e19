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
 * Handles a message again on the spot where it fails, with the backoff of its rule and as often as that says: an ordered consumer has no redelivery, and what comes after must wait.
 */
export function retryInPlace(
  next: CompiledHandler<JetStreamMessage>,
  policy: SettlementPolicy,
): CompiledHandler<JetStreamMessage> {
  const again = async (message: JetStreamMessage, thrown: unknown): Promise<unknown> => {
    let error = thrown;
    for (let attempt = 1; ; attempt++) {
      const wait = waitBefore(error, attempt, message, policy);
      if (wait === undefined) throw error;
      await sleep(wait);
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
