import { TestKitAssertionError, TestKitTimeoutError } from '../errors.js';
import type { DeadLetteredMessage, HandledMessage } from '../flow.js';
import {
  checkHandlerName,
  type FlowTracker,
  type News,
  type PendingDelivery,
  Wait,
  warnOfFakeTimers,
} from '../tracking/index.js';
import { describeHandled, pendingText, stateOf } from './report.js';
import type { Selection } from './selectors.js';

interface Search<Item> extends Selection<Item> {
  /** All items so far. */
  readonly list: () => readonly Item[];
  readonly itemOf: (news: News) => Item | undefined;
}

/** The search for a delivery. @throws {@link HandlerNotFoundError} */
export function handledSearch(
  tracker: FlowTracker,
  selection: Selection<HandledMessage>,
): Search<HandledMessage> {
  checkHandlerName(selection.handler, tracker.groups.names);
  return { ...selection, list: () => tracker.everything.handled, itemOf: ({ handled }) => handled };
}

/** The search for a dead letter. @throws {@link HandlerNotFoundError} */
export function deadLetterSearch(
  tracker: FlowTracker,
  selection: Selection<DeadLetteredMessage>,
): Search<DeadLetteredMessage> {
  checkHandlerName(selection.handler, tracker.groups.names);
  return {
    ...selection,
    list: () => tracker.everything.deadLettered,
    itemOf: ({ deadLettered }) => deadLettered,
  };
}

/** Waits for the first match, which may be there already. @throws what a function of the test throws */
export async function waitFor<Item>(
  tracker: FlowTracker,
  search: Search<Item>,
  timeout: number,
): Promise<Item> {
  warnOfFakeTimers(tracker.logger);
  const found = search.list().find(search.matches);
  if (found !== undefined) return found;
  return new Promise((resolve, reject) => {
    const state = (): string => stateOf(tracker);
    const describe = (): string => `There was no ${search.what}. ${state()}`;
    const wait = waitForNews(tracker, reject, describe, (news) => {
      const item = search.itemOf(news);
      if (item !== undefined && search.matches(item)) wait.end(() => resolve(item));
    });
    wait.after(timeout, () => {
      const text = `There was no ${search.what} within ${timeout} ms. ${state()}`;
      wait.end(() => reject(new TestKitTimeoutError(text, tracker.describePending())));
    });
  });
}

/** How long {@link waitForNothing} waits, in milliseconds. */
export interface NothingTimes {
  readonly within: number;
  /** How long a handler may take that runs at the end of `within`, if only the end of its delivery shows whether it matches. */
  readonly timeout: number;
}

/**
 * Waits for a time in which nothing matches. A handler that is still running at its end counts too.
 *
 * @throws {@link TestKitAssertionError} at the first match; {@link TestKitTimeoutError}; what a function of the test throws
 */
export function waitForNothing(
  tracker: FlowTracker,
  search: Search<HandledMessage>,
  { within, timeout }: NothingTimes,
): Promise<void> {
  warnOfFakeTimers(tracker.logger);
  return new Promise((resolve, reject) => {
    let running: readonly PendingDelivery[] | undefined;
    const refuse = (found: string): void => {
      const text = `Expected no ${search.what} for ${within} ms, but there was one: ${found}`;
      wait.end(() => reject(new TestKitAssertionError(text)));
    };
    const describe = (): string => `Whether there was no ${search.what} is not known.`;
    const wait = waitForNews(tracker, reject, describe, (news) => {
      const item = search.itemOf(news);
      if (item !== undefined && search.matches(item)) refuse(describeHandled(item));
      else if (running?.every(({ isRunning }) => !isRunning) === true) wait.end(resolve);
    });
    wait.after(within, () => {
      running = tracker.runningDeliveries.filter((each) => search.mayMatch(each));
      const [first] = running;
      if (first === undefined) wait.end(resolve);
      else if (search.isDecidedEarly) refuse(first.describe().text);
      else {
        wait.after(timeout, () => {
          const pending = (running ?? []).map((each) => each.describe());
          const text = `Whether there was no ${search.what} is not known after ${timeout} ms. ${pendingText(pending)}`;
          wait.end(() => reject(new TestKitTimeoutError(text, pending)));
        });
      }
    });
  });
}

/** Waits until nothing is pending in any flow. */
export function waitUntilIdle(tracker: FlowTracker, timeout: number): Promise<void> {
  warnOfFakeTimers(tracker.logger);
  if (tracker.isIdle) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const state = (): string => stateOf(tracker);
    const wait = new Wait(tracker.waits, reject, () => `The application is not idle. ${state()}`);
    wait.after(timeout, () => {
      const text = `The application is not idle after ${timeout} ms. ${state()}`;
      wait.end(() => reject(new TestKitTimeoutError(text, tracker.describePending())));
    });
    wait.cancelAtEnd(tracker.whenIdle(() => wait.end(resolve)));
  });
}

/** A wait that is notified of each delivery that has ended. */
function waitForNews(
  tracker: FlowTracker,
  reject: (error: unknown) => void,
  describe: () => string,
  look: (news: News) => void,
): Wait {
  const wait = new Wait(tracker.waits, reject, describe);
  const notice = (news: News): void => wait.attempt(() => look(news));
  tracker.listeners.add(notice);
  wait.cancelAtEnd(() => tracker.listeners.delete(notice));
  return wait;
}
