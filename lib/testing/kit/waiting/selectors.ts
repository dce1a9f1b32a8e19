import { isMessageContract, type MessageContract, paramNames } from '../../../contracts/index.js';
import { InvalidArgumentError } from '../../../errors/index.js';
import { OUTCOMES } from '../../../instruments/index.js';
import {
  type AllOptionsOf,
  checkedOptions,
  count,
  given,
  isObject,
  oneOf,
  positiveDuration,
  requireValue,
  rule,
  text,
} from '../../../validation/index.js';
import type {
  DeadLetteredMessage,
  DeadLetterMatcher,
  ExpectedHandled,
  HandledMatcher,
  HandledMessage,
  ParamsMatcher,
} from '../flow.js';
import type { TestWaitOptions } from '../kit-options.js';
import {
  contains,
  matchesDeadLetter,
  matchesDelivery,
  matchesHandled,
  matchesPublished,
  mayMatch,
} from './matching.js';
import type { PublishedSelection } from './nothing-published.js';
import { shownValue } from './report.js';

/** Selects deliveries: by the name of a handler, by the contract of the message, by properties, or by a function. */
export type HandledSelector =
  string | MessageContract | HandledMatcher | ((message: HandledMessage) => boolean);

/** Selects dead letters: by the name of a handler, by the contract of the message, by properties, or by a function. */
export type DeadLetterSelector =
  string | MessageContract | DeadLetterMatcher | ((letter: DeadLetteredMessage) => boolean);

/** A delivery that has not ended. */
interface RunningDelivery {
  readonly handler?: string | undefined;
  readonly subject: string;
}

/** A selector that was checked. */
export interface Selection<Item> {
  /** The name of the handler that is selected, if any. */
  readonly handler?: string | undefined;
  /** The subject or contract that is selected, if any. */
  readonly subject?: string | MessageContract | undefined;
  readonly matches: (item: Item) => boolean;
  /** Whether a delivery that has not ended may match. */
  readonly mayMatch: (delivery: RunningDelivery) => boolean;
  /** Whether `mayMatch` decides whether it matches, because its payload and its end do not matter. */
  readonly isDecidedEarly: boolean;
  /** What is selected, for errors. */
  readonly what: string;
}

const isParams = (value: unknown): boolean => isObject(value) && Object.values(value).every(isOptionalText);
const isOptionalText = (value: unknown): boolean => value === undefined || typeof value === 'string';

export const subjectOrContract = rule(
  'a subject, or what defineMessage returned',
  (value) => (typeof value === 'string' && value !== '') || isMessageContract(value),
);

/** The properties by which deliveries are selected. */
const HANDLED = {
  handler: text,
  subject: subjectOrContract,
  payload: true,
  outcome: oneOf(OUTCOMES),
  deliveryCount: count(),
} satisfies AllOptionsOf<HandledMatcher>;

const { handler, subject, payload } = HANDLED;

/** The properties by which dead letters are selected. */
const DEAD_LETTER = { handler, subject, payload, reason: text } satisfies AllOptionsOf<DeadLetterMatcher>;

/** The options of waiting, and the parameters of messages of a contract. */
const MORE = {
  timeout: positiveDuration,
  params: rule('an object with the text of each parameter', isParams),
};

/** Options of `JetStreamTestKit.handled`. */
export type HandledOptions = HandledMatcher & ParamsMatcher & TestWaitOptions;

/** Options of `JetStreamTestKit.deadLettered`. */
export type DeadLetterOptions = DeadLetterMatcher & ParamsMatcher & TestWaitOptions;

/** @throws {@link InvalidArgumentError} */
export function checkHandledOptions(options: HandledOptions): HandledOptions {
  return checkedOptions<HandledOptions>('handled', options, { ...HANDLED, ...MORE });
}

/** @throws {@link InvalidArgumentError} */
export function checkDeadLetterOptions(options: DeadLetterOptions): DeadLetterOptions {
  return checkedOptions<DeadLetterOptions>('deadLettered', options, { ...DEAD_LETTER, ...MORE });
}

/** @throws {@link InvalidArgumentError} */
export function checkHandledMatcher(matcher: HandledMatcher): HandledMatcher {
  return checkedOptions<HandledMatcher>('a handled message', matcher, HANDLED);
}

/** The properties of a matcher. @throws {@link InvalidArgumentError} */
export function checkExpectedHandled(expected: ExpectedHandled): ExpectedHandled {
  const { handler: _, ...properties } = HANDLED;
  return checkedOptions<ExpectedHandled>('toHaveHandled', expected, { ...properties, times: count(0) });
}

/** @throws {@link InvalidArgumentError} */
export function checkDeadLetterMatcher(matcher: DeadLetterMatcher): DeadLetterMatcher {
  return checkedOptions<DeadLetterMatcher>('a dead letter', matcher, DEAD_LETTER);
}

type AnyMatcher = HandledMatcher & DeadLetterMatcher;

/** The kind of what is selected. */
interface Kind<Item> {
  readonly name: string;
  readonly matches: (item: Item, matcher: AnyMatcher) => boolean;
  readonly check: (matcher: AnyMatcher) => AnyMatcher;
}

export const HANDLED_MESSAGES: Kind<HandledMessage> = {
  name: 'handled message',
  matches: matchesHandled,
  check: checkHandledMatcher,
};

/** Also those of handlers that failed. */
export const DELIVERIES: Kind<HandledMessage> = {
  name: 'delivery',
  matches: matchesDelivery,
  check: checkHandledMatcher,
};

export const DEAD_LETTERS: Kind<DeadLetteredMessage> = {
  name: 'dead letter',
  matches: matchesDeadLetter,
  check: checkDeadLetterMatcher,
};

/**
 * Reads a selector.
 *
 * @param more properties that must match too
 * @throws {@link InvalidArgumentError}
 */
export function selectionOf<Item extends { readonly subject: string }>(
  kind: Kind<Item>,
  selector: string | MessageContract | AnyMatcher | ((item: Item) => boolean),
  { params, ...more }: AnyMatcher & ParamsMatcher = {},
): Selection<Item> {
  if (typeof selector === 'function') {
    return {
      what: `${kind.name} that the function accepts`,
      matches: (item) => Boolean(selector(item)),
      mayMatch: () => true,
      isDecidedEarly: false,
    };
  }
  const matcher = { ...more, ...matcherOf(kind, selector) };
  const { handler: by, subject: contract, ...rest } = matcher;
  const about = {
    handler: by,
    subject: contract,
    what: describe(kind.name, { ...matcher, params }),
    mayMatch: (delivery: RunningDelivery) => mayMatch(delivery, matcher),
    isDecidedEarly: [params, ...Object.values(rest)].every((each) => each === undefined),
  };
  if (params === undefined) return { ...about, matches: (item) => kind.matches(item, matcher) };
  if (!isMessageContract(contract)) {
    throw new InvalidArgumentError(
      'params',
      'they need the contract of the message: pass it as the selector',
    );
  }
  checkNames(params, contract);
  const wanted = given(params);
  return {
    ...about,
    matches: (item) => kind.matches(item, matcher) && contains(contract.parse(item.subject), wanted),
  };
}

/**
 * Selects published messages.
 *
 * @param payload the payload, or a part of it; `undefined` for any
 * @throws {@link InvalidArgumentError}
 */
export function publishedSelectionOf(wanted: string | MessageContract, part: unknown): PublishedSelection {
  requireValue('subject', wanted, subjectOrContract);
  const having = part === undefined ? '' : ` with payload ${shownValue(part)}`;
  return {
    what: `message to ${typeof wanted === 'string' ? `"${wanted}"` : shownValue(wanted)}${having}`,
    matches: (message) => matchesPublished(message, { subject: wanted, payload: part }),
  };
}

/** A wrong name would match nothing. @throws {@link InvalidArgumentError} */
function checkNames(params: object, contract: MessageContract): void {
  const known = paramNames(contract);
  const unknown = Object.keys(params).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const has = known.length === 0 ? 'no parameters' : `the parameters ${known.join(', ')}`;
  throw new InvalidArgumentError('params', `there is no "${unknown}"; "${contract.template}" has ${has}`);
}

function matcherOf<Item>(kind: Kind<Item>, selector: unknown): AnyMatcher {
  if (typeof selector === 'string') return { handler: selector };
  if (isMessageContract(selector)) return { subject: selector };
  if (isObject(selector)) return kind.check(selector);
  throw new InvalidArgumentError(
    'selector',
    'it must be the name of a handler, such as "Billing.onPlaced", what defineMessage returned, an object of properties, or ' +
      'a function',
  );
}

function describe(name: string, { handler: by, ...rest }: AnyMatcher & ParamsMatcher): string {
  const texts = Object.entries(rest).flatMap(([property, value]: [string, unknown]) => {
    return value === undefined ? [] : [`${property} ${shownValue(value)}`];
  });
  const having = texts.length === 0 ? '' : ` with ${texts.join(' and ')}`;
  return `${name}${by === undefined ? '' : ` of ${by}`}${having}`;
}
