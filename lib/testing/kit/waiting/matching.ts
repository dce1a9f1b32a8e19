import { isDeepStrictEqual } from 'node:util';
import { isMessageContract, type MessageContract } from '../../../contracts/index.js';
import { subjectCovers } from '../../../jetstream/index.js';
import type {
  DeadLetteredMessage,
  DeadLetterMatcher,
  HandledMatcher,
  HandledMessage,
  PublishedMessage,
} from '../flow.js';

/** Whether a delivery matches: without an `outcome`, one of a handler that did not fail. */
export function matchesHandled(message: HandledMessage, matcher: HandledMatcher): boolean {
  return (matcher.outcome !== undefined || isHandled(message)) && matchesDelivery(message, matcher);
}

/** Whether a delivery matches: without an `outcome`, any delivery. */
export function matchesDelivery(message: HandledMessage, matcher: HandledMatcher): boolean {
  const { outcome, deliveryCount } = matcher;
  return (
    mayMatch(message, matcher) &&
    (outcome === undefined || message.outcome === outcome) &&
    (deliveryCount === undefined || message.deliveryCount === deliveryCount) &&
    hasPayload(message, matcher)
  );
}

/** Whether a delivery that has not ended may match, once it has. */
export function mayMatch(
  message: { readonly handler?: string | undefined; readonly subject: string },
  { handler, subject }: Pick<HandledMatcher, 'handler' | 'subject'>,
): boolean {
  return (
    (handler === undefined || message.handler === handler) &&
    (subject === undefined || hasSubject(message, subject))
  );
}

/** Whether a message was handled without a failure, and is not delivered again. */
function isHandled({ failed, outcome }: HandledMessage): boolean {
  return !failed && outcome !== 'retried' && outcome !== 'lost';
}

/** Whether a dead letter matches. */
export function matchesDeadLetter(letter: DeadLetteredMessage, matcher: DeadLetterMatcher): boolean {
  const { reason } = matcher;
  return (
    mayMatch(letter, matcher) &&
    (reason === undefined || letter.reason === reason) &&
    hasPayload(letter, matcher)
  );
}

/** Whether a published message matches. */
export function matchesPublished(
  message: PublishedMessage,
  matcher: { readonly subject: string | MessageContract; readonly payload?: unknown },
): boolean {
  return hasSubject(message, matcher.subject) && hasPayload(message, matcher);
}

function hasSubject({ subject }: { readonly subject: string }, wanted: string | MessageContract): boolean {
  return isMessageContract(wanted) ? wanted.matches(subject) : subjectCovers(wanted, subject);
}

function hasPayload(
  message: { readonly payload: unknown },
  matcher: { readonly payload?: unknown },
): boolean {
  return (
    !('payload' in matcher) || matcher.payload === undefined || contains(message.payload, matcher.payload)
  );
}

/**
 * Whether a value has everything of another one: all its properties, and lists of the same length. Asymmetric matchers of
 * vitest and Jest, such as `expect.any(String)`, match as there.
 */
export function contains(value: unknown, part: unknown): boolean {
  if (isAsymmetric(part)) return part.asymmetricMatch(value);
  if (Array.isArray(part)) {
    return (
      Array.isArray(value) &&
      value.length === part.length &&
      part.every((each, i) => contains((value as readonly unknown[])[i], each))
    );
  }
  if (!isPlain(part)) return isDeepStrictEqual(value, part);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(part).every(([name, each]) => contains(Reflect.get(value, name), each));
}

function isAsymmetric(value: unknown): value is { asymmetricMatch(other: unknown): boolean } {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { readonly asymmetricMatch?: unknown }).asymmetricMatch === 'function'
  );
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm, such as a test environment of Jest, have another prototype.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
