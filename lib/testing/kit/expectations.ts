import { InvalidArgumentError } from '../../errors/index.js';
import { TestKitAssertionError, TestKitTimeoutError } from './errors.js';
import type { DeadLetteredMessage, DeadLetterMatcher, HandledMatcher, HandledMessage } from './flow.js';
import type { FlowTracker } from './flow-tracker.js';
import { matchesDeadLetter, matchesHandled } from './matching.js';
import { realTimeout, warnOfFakeTimers } from './real-timers.js';
import { describeHandled, pendingText, shownValue, soFar } from './report.js';

/** Selects deliveries: by the name of a handler, by properties, or by a function. */
export type HandledSelector = string | HandledMatcher | ((message: HandledMessage) => boolean);

/** Selects dead letters: by the name of a handler, by properties, or by a function. */
export type DeadLetterSelector = string | DeadLetterMatcher | ((letter: DeadLetteredMessage) => boolean);

interface Search<Item> {
  readonly list: () => readonly Item[];
  readonly matches: (item: Item) => boolean;
  /** What is searched, for errors. */
  readonly what: string;
}

/** The search for a delivery. @throws {@link InvalidArgumentError} */
export function handledSearch(
  tracker: FlowTracker,
  selector: HandledSelector,
  more: HandledMatcher = {},
): Search<HandledMessage> {
  return {
    ...searchOf(selector, more, matchesHandled, 'handled message'),
    list: () => tracker.everything.handled,
  };
}

/** The search for a dead letter. @throws {@link InvalidArgumentError} */
export function deadLetterSearch(
  tracker: FlowTracker,
  selector: DeadLetterSelector,
  more: DeadLetterMatcher = {},
): Search<DeadLetteredMessage> {
  return {
    ...searchOf(selector, more, matchesDeadLetter, 'dead letter'),
    list: () => tracker.everything.deadLettered,
  };
}

/** Waits for the first match, which may be there already. */
export function waitFor<Item>(tracker: FlowTracker, search: Search<Item>, timeout: number): Promise<Item> {
  warnOfFakeTimers(tracker.logger);
  const found = search.list().find(search.matches);
  if (found !== undefined) return Promise.resolve(found);
  return new Promise((resolve, reject) => {
    const cancelTimer = realTimeout(timeout, () => {
      tracker.listeners.delete(look);
      const pending = tracker.allPending.flatMap(({ work }) => work.map((each) => each.describe()));
      const text = `There was no ${search.what} within ${timeout} ms. ${pendingText(pending)}`;
      reject(new TestKitTimeoutError(`${text}\n${soFar(tracker.everything)}`, pending));
    });
    const look = (): void => {
      const match = search.list().find(search.matches);
      if (match === undefined) return;
      cancelTimer();
      tracker.listeners.delete(look);
      resolve(match);
    };
    tracker.listeners.add(look);
  });
}

/** Waits for a time in which nothing matches. @throws {@link TestKitAssertionError} at the first match */
export function waitForNothing(
  tracker: FlowTracker,
  search: Search<HandledMessage>,
  time: number,
): Promise<void> {
  warnOfFakeTimers(tracker.logger);
  const before = search.list().length;
  return new Promise((resolve, reject) => {
    const cancelTimer = realTimeout(time, () => {
      tracker.listeners.delete(look);
      resolve();
    });
    const look = (): void => {
      const match = search.list().slice(before).find(search.matches);
      if (match === undefined) return;
      cancelTimer();
      tracker.listeners.delete(look);
      reject(
        new TestKitAssertionError(
          `Expected no ${search.what} for ${time} ms, but there was one: ${describeHandled(match)}`,
        ),
      );
    };
    tracker.listeners.add(look);
  });
}

function searchOf<Item, Matcher extends { readonly handler?: string | undefined }>(
  selector: string | Matcher | ((item: Item) => boolean),
  more: Matcher,
  matches: (item: Item, matcher: Matcher) => boolean,
  what: string,
): Omit<Search<Item>, 'list'> {
  if (typeof selector === 'function') {
    return { what: `${what} that the function accepts`, matches: (item) => Boolean(selector(item)) };
  }
  if (typeof selector !== 'string' && (typeof selector !== 'object' || selector === null)) {
    throw new InvalidArgumentError(
      'selector',
      'it must be the name of a handler, such as "Billing.onPlaced", an object of properties, or a function',
    );
  }
  const matcher = typeof selector === 'string' ? { ...more, handler: selector } : { ...more, ...selector };
  const { handler, ...rest } = matcher;
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  const by = handler === undefined ? '' : ` of ${handler}`;
  const having = given.map(([name, value]) => `${name} ${shownValue(value)}`).join(' and ');
  return {
    what: `${what}${by}${having === '' ? '' : ` with ${having}`}`,
    matches: (item) => matches(item, matcher),
  };
}
