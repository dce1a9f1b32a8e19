import type { MessageMetadata } from '../../jetstream/index.js';
import { pendingThenable } from '../../user-code/index.js';
import { InvalidPayloadError, requestedDelay, RetryMessage, TerminateMessage } from './retry.errors.js';
import { retryDelay, type ResolvedRetryRule } from './retry-policy.js';
import { DeadLetterReason, type SettlementPolicy } from './settlement-policy.js';

/** The decision about a message, or an entry of a watch, that could not be handled. */
export type Verdict =
  /** The message is handled again after `delay` milliseconds. */
  | {
      readonly action: 'retry';
      readonly delay: number;
      /** Whether the handler requested the retry with a {@link RetryMessage}. */
      readonly requested: boolean;
      /** The error of `retryIf`, which therefore made no decision. */
      readonly retryIfError?: unknown;
    }
  /** The message is given up: it is terminated, with a dead letter first if the handler has them, or only reported. */
  | {
      readonly action: 'dead-letter' | 'terminate' | 'report';
      readonly reason: string;
      readonly cause: Cause;
    };

/**
 * Why a message is given up: the handler (or a pipe) requested it, `retryIf` refused another attempt, the deliveries
 * are used up, or messages are never redelivered (`ackMode` first or none).
 */
export type Cause = 'asked' | 'not-retried' | 'used-up' | 'never-retried';

/** The failed attempt. */
export interface Attempt {
  /** Its number, from 1. */
  readonly number: number;
  /** The metadata of the message, if the input is a message; `retryIf` receives it. */
  readonly metadata?: MessageMetadata;
  /** Whether the handler is called again without a redelivery; `ackMode` then has no effect. */
  readonly inPlace?: boolean;
}

/** The rules for the verdict on a failure. */
export type Rules = Pick<SettlementPolicy, 'ackMode' | 'retry' | 'deadLetters'>;

/**
 * Decides how a message is settled after its handler failed, or its payload could not be decoded or validated. This is
 * the only place for this decision: all handlers, events and requests of microservices, and idempotence act on this
 * verdict.
 */
export function verdictOn(
  error: unknown,
  { number, metadata, inPlace = false }: Attempt,
  rules: Rules,
): Verdict {
  const { ackMode, retry } = rules;
  const onceOnly = !inPlace && (ackMode === 'first' || ackMode === 'none');
  const asked = reasonOf(error);
  if (asked !== undefined) return giveUp(rules, onceOnly, asked, 'asked');
  if (onceOnly) return giveUp(rules, onceOnly, DeadLetterReason.Failed, 'never-retried');
  if (error instanceof RetryMessage && number < retry.maxDeliver) {
    const delay = requestedDelay(error);
    if (delay !== undefined) return { action: 'retry', delay: delay * retry.timeScale, requested: true };
    return { action: 'retry', delay: retryDelay(retry.ruleFor(error), number), requested: false };
  }
  const rule = retry.ruleFor(error);
  if (number >= rule.maxDeliver) return giveUp(rules, onceOnly, DeadLetterReason.DeliveriesUsedUp, 'used-up');
  const asking = ask(rule, error, metadata);
  if (asking === false) return giveUp(rules, onceOnly, DeadLetterReason.NotToBeRetried, 'not-retried');
  return { action: 'retry', delay: retryDelay(rule, number), requested: false, ...asking };
}

/** The reason for the dead letter of an error for which no retry can help. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof InvalidPayloadError) return DeadLetterReason.InvalidPayload;
  return error instanceof TerminateMessage ? String(error.reason) : undefined;
}

function giveUp({ deadLetters }: Rules, onceOnly: boolean, reason: string, cause: Cause): Verdict {
  const action = deadLetters ? 'dead-letter' : onceOnly ? 'report' : 'terminate';
  return { action, reason, cause };
}

/** Calls `retryIf`. If it throws or returns a promise, it makes no decision, and the message is retried. */
function ask(
  { retryIf }: ResolvedRetryRule,
  error: unknown,
  metadata: MessageMetadata | undefined,
): false | { readonly retryIfError?: unknown } {
  if (!retryIf || metadata === undefined) return {};
  try {
    const answer: unknown = retryIf(error, metadata);
    const pending = pendingThenable(answer);
    if (pending) {
      pending.catch(() => undefined);
      return { retryIfError: new TypeError('it returned a promise; it must return a boolean') };
    }
    return answer ? {} : false;
  } catch (retryIfError) {
    return { retryIfError };
  }
}
