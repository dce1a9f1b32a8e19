import { isMessageContract, type MessageContract } from '../../../contracts/index.js';
import { filledText, requireValue } from '../../../validation/index.js';
import type { DeadLetterMatcher, ExpectedHandled, TestFlow } from '../flow.js';
import { checkHandlerOfFlow } from '../tracking/index.js';
import { matchesDeadLetter, matchesHandled, matchesPublished } from './matching.js';
import { describeHandled, shownValue } from './report.js';
import { checkDeadLetterMatcher, checkExpectedHandled, subjectOrContract } from './selectors.js';

/** Matchers for the flow that `TestKitFlow.settled` returns, for `expect.extend` of vitest and Jest. */
export interface JetStreamMatchers<Result = unknown> {
  /**
   * Whether a handler has handled a message: by default, without failing. It is an error if the application has no such handler.
   *
   * @param handler the class and method, such as `Billing.onPlaced`
   */
  toHaveHandled(handler: string, expected?: ExpectedHandled): Result;
  /**
   * Whether a message was published.
   *
   * @param subject a subject, in which wildcards are allowed, or the contract of the message
   * @param payload the payload, or a part of it
   */
  toHavePublished(subject: string | MessageContract, payload?: unknown): Result;
  /**
   * Whether a message has become a dead letter.
   *
   * @param expected the name of the handler that has given it up, the contract of the message, or properties. Default: any dead
   * letter
   */
  toHaveDeadLettered(expected?: string | MessageContract | DeadLetterMatcher): Result;
}

/** The result of a matcher. */
interface MatcherResult {
  readonly pass: boolean;
  message(): string;
}

/** The functions of {@link JetStreamMatchers}, to be passed to `expect.extend`. */
export const jetStreamMatchers = {
  toHaveHandled(received: unknown, handler: string, expected: ExpectedHandled = {}): MatcherResult {
    const flow = flowOf(received);
    requireValue('handler', handler, filledText);
    checkHandlerOfFlow(handler, flow);
    const { handled } = flow;
    const { times, ...matcher } = checkExpectedHandled(expected);
    const count = handled.filter((each) => matchesHandled(each, { ...matcher, handler })).length;
    const wanted = times === undefined ? '' : ` ${times} times`;
    return result(
      times === undefined ? count > 0 : count === times,
      `that ${handler} handled a message${wanted}${having(matcher)}`,
      handled.map((each) => describeHandled(each)),
      'handled',
    );
  },

  toHavePublished(received: unknown, subject: string | MessageContract, payload?: unknown): MatcherResult {
    const { published } = flowOf(received);
    requireValue('subject', subject, subjectOrContract);
    return result(
      published.some((each) => matchesPublished(each, { subject, payload })),
      `a message to ${typeof subject === 'string' ? `"${subject}"` : shownValue(subject)}${payload === undefined ? '' : ` with payload ${shownValue(payload)}`}`,
      published.map((each) => `"${each.subject}", payload ${shownValue(each.payload)}`),
      'published',
    );
  },

  toHaveDeadLettered(
    received: unknown,
    expected: string | MessageContract | DeadLetterMatcher = {},
  ): MatcherResult {
    const flow = flowOf(received);
    const matcher = deadLetterMatcher(expected);
    checkHandlerOfFlow(matcher.handler, flow);
    const { deadLettered } = flow;
    return result(
      deadLettered.some((each) => matchesDeadLetter(each, matcher)),
      `a dead letter${having(matcher)}`,
      deadLettered.map(({ handler, subject, reason, error }) => {
        return `${handler}: "${subject}", ${reason}, ${shownValue(error)}`;
      }),
      'dead-lettered',
    );
  },
};

function deadLetterMatcher(expected: string | MessageContract | DeadLetterMatcher): DeadLetterMatcher {
  if (typeof expected === 'string') return { handler: expected };
  return isMessageContract(expected) ? { subject: expected } : checkDeadLetterMatcher(expected);
}

function result(pass: boolean, wanted: string, found: readonly string[], what: string): MatcherResult {
  const list = found.length === 0 ? `Nothing was ${what}.` : `${what}:\n  - ${found.join('\n  - ')}`;
  const not = pass ? 'Expected not ' : 'Expected ';
  return { pass, message: () => `${not}${wanted}.\n${list[0].toUpperCase()}${list.slice(1)}` };
}

function having(matcher: object): string {
  const given = Object.entries(matcher).filter(([, value]) => value !== undefined);
  if (given.length === 0) return '';
  return ` with ${given.map(([name, value]) => `${name} ${shownValue(value)}`).join(' and ')}`;
}

/** @throws `TypeError` if it is not a flow */
function flowOf(received: unknown): TestFlow {
  const flow = hasLists(received) ? received : currentOf(received);
  if (flow !== undefined) return flow;
  throw new TypeError(
    'expect() was given a value that is not a flow. Pass the result of kit.publish(…).settled(), after awaiting it.',
  );
}

function currentOf(received: unknown): TestFlow | undefined {
  if (typeof received !== 'object' || received === null) return undefined;
  const current: unknown = Reflect.get(received, 'current');
  return hasLists(current) ? current : undefined;
}

function hasLists(value: unknown): value is TestFlow {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['handled', 'published', 'deadLettered'].every((name) => Array.isArray(Reflect.get(value, name)))
  );
}
