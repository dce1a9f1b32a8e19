import type { MessageMetadata } from '../../jetstream/index.js';
import { pendingThenable } from '../../user-code/index.js';
import { InvalidPayloadError, requestedDelay, RetryMessage, TerminateMessage } from './retry.errors.js';
import { retryDelay, type ResolvedRetryRule } from './retry-policy.js';
import { DeadLetterReason, type SettlementPolicy } from './settlement-policy.js';

/** What happens to a message, or to an entry of a watch, that could not be handled. */
export type Verdict =
  /** It is handled again, after `delay` milliseconds. */
  | {
      readonly action: 'retry';
      readonly delay: number;
      /** The handler asked for it, by a {@link RetryMessage}. */
      readonly requested: boolean;
      /** What `retryIf` threw, and so decided nothing. */
      readonly retryIfError?: unknown;
    }
  /** It is given up: terminated, with a dead letter first if the handler has them, or only reported. */
  | {
      readonly action: 'dead-letter' | 'terminate' | 'report';
      readonly reason: string;
      readonly cause: Cause;
    };

/**
 * Why a message is given up: the handler (or a pipe) asked for it, `retryIf` refused another try, the deliveries are used up,
 * or nothing is delivered twice (`ackMode` first or none).
 */
export type Cause = 'asked' | 'not-retried' | 'used-up' | 'never-retried';

/** The attempt that failed. */
export interface Attempt {
  /** Its number, from 1. */
  readonly number: number;
  /** Of the message, if it is one: `retryIf` gets it. */
  readonly metadata?: MessageMetadata;
  /** Whether what fails is repeated on the spot, instead of being delivered again: `ackMode` then has no say. */
  readonly inPlace?: boolean;
}

/** The rules that a failure is judged by. */
export type Rules = Pick<SettlementPolicy, 'ackMode' | 'retry' | 'deadLetters'>;

/**
 * Decides what happens to a message whose handler failed, or that could not be given its payload. The only place that
 * decides it: every form of handler, events and requests of microservices, and idempotence act on this verdict.
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
    if (delay !== undefined) return { action: 'retry', delay, requested: true };
    return { action: 'retry', delay: retryDelay(retry.ruleFor(error), number), requested: false };
  }
  const rule = retry.ruleFor(error);
  if (number >= rule.maxDeliver) return giveUp(rules, onceOnly, DeadLetterReason.DeliveriesUsedUp, 'used-up');
  const asking = ask(rule, error, metadata);
  if (asking === false) return giveUp(rules, onceOnly, DeadLetterReason.NotToBeRetried, 'not-retried');
  return { action: 'retry', delay: retryDelay(rule, number), requested: false, ...asking };
}

/** The reason for the dead letter of an error that no retry can help. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof InvalidPayloadError) return DeadLetterReason.InvalidPayload;
  return error instanceof TerminateMessage ? String(error.reason) : undefined;
}

function giveUp({ deadLetters }: Rules, onceOnly: boolean, reason: string, cause: Cause): Verdict {
  const action = deadLetters ? 'dead-letter' : onceOnly ? 'report' : 'terminate';
  return { action, reason, cause };
}

/** Asks `retryIf`: one that throws, or returns a promise, decides nothing, and what failed is retried. */
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
