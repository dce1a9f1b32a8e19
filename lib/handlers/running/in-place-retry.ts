import { setTimeout as delay } from 'node:timers/promises';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { pendingResult, settlementError, type CompiledHandler } from '../compile/index.js';
import {
  backoffOf,
  InvalidPayloadError,
  RetryMessage,
  TerminateMessage,
  type SettlementPolicy,
} from '../settlement/index.js';

/**
 * Handles a message again on the spot where it fails, with the backoff of the policy and as often as it says: an
 * ordered consumer has no redelivery, and what comes after must wait.
 */
export function retryInPlace(
  next: CompiledHandler<JetStreamMessage>,
  policy: SettlementPolicy,
): CompiledHandler<JetStreamMessage> {
  const again = async (message: JetStreamMessage, thrown: unknown): Promise<unknown> => {
    let error = thrown;
    for (let attempt = 1; attempt < policy.maxDeliver; attempt++) {
      if (isFinal(error)) break;
      await delay(error instanceof RetryMessage ? (error.delay ?? 0) : backoffOf(policy, attempt));
      try {
        return await next(message);
      } catch (failure) {
        error = failure;
      }
    }
    throw isFinal(error) ? error : new TerminateMessage(text(error), { cause: error });
  };
  return (message) => {
    try {
      const result = next(message);
      return pendingResult(result)?.then(undefined, (error: unknown) => again(message, error)) ?? result;
    } catch (error) {
      return again(message, error);
    }
  };
}

function isFinal(error: unknown): boolean {
  return error instanceof TerminateMessage || settlementError(error) instanceof InvalidPayloadError;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
