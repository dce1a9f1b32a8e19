import { TestKitAssertionError, TestKitTimeoutError } from './errors.js';
import type { DeadLetteredMessage, HandledMessage } from './flow.js';
import type { FlowTracker } from './flow-tracker.js';
import { checkHandlerName } from './known-handlers.js';
import { realTimeout, warnOfFakeTimers } from './real-timers.js';
import { describeHandled, pendingText, soFar } from './report.js';
import type { Selection } from './selectors.js';

interface Search<Item> extends Selection<Item> {
  readonly list: () => readonly Item[];
}

/** The search for a delivery. @throws {@link HandlerNotFoundError} */
export function handledSearch(
  tracker: FlowTracker,
  selection: Selection<HandledMessage>,
): Search<HandledMessage> {
  checkHandlerName(selection.handler, tracker.groups.names);
  return { ...selection, list: () => tracker.everything.handled };
}

/** The search for a dead letter. @throws {@link HandlerNotFoundError} */
export function deadLetterSearch(
  tracker: FlowTracker,
  selection: Selection<DeadLetteredMessage>,
): Search<DeadLetteredMessage> {
  checkHandlerName(selection.handler, tracker.groups.names);
  return { ...selection, list: () => tracker.everything.deadLettered };
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
    const wait = new Wait(tracker, reject, () => {
      const match = search.list().find(search.matches);
      if (match !== undefined) wait.end(() => resolve(match));
    });
    wait.begin(timeout, () => {
      const pending = tracker.allPending.flatMap(({ work }) => work.map((each) => each.describe()));
      const text = `There was no ${search.what} within ${timeout} ms. ${pendingText(pending)}`;
      reject(new TestKitTimeoutError(`${text}\n${soFar(tracker.everything)}`, pending));
    });
  });
}

/**
 * Waits for a time in which nothing matches.
 *
 * @throws {@link TestKitAssertionError} at the first match; what a function of the test throws
 */
export function waitForNothing(
  tracker: FlowTracker,
  search: Search<HandledMessage>,
  time: number,
): Promise<void> {
  warnOfFakeTimers(tracker.logger);
  const before = new Set(search.list());
  return new Promise((resolve, reject) => {
    const wait = new Wait(tracker, reject, () => {
      const match = search.list().find((each) => !before.has(each) && search.matches(each));
      if (match === undefined) return;
      const text = `Expected no ${search.what} for ${time} ms, but there was one: ${describeHandled(match)}`;
      wait.end(() => reject(new TestKitAssertionError(text)));
    });
    wait.begin(time, resolve);
  });
}

/** A wait for deliveries and dead letters, which ends once. */
class Wait {
  private cancelTimer = (): void => undefined;

  constructor(
    private readonly tracker: FlowTracker,
    private readonly reject: (error: unknown) => void,
    /** Called for each delivery that has ended, and for each dead letter. */
    private readonly look: () => void,
  ) {}

  begin(time: number, onTimeout: () => void): void {
    this.cancelTimer = realTimeout(time, () => this.end(onTimeout));
    this.tracker.listeners.add(this.notice);
  }

  end(act: () => void): void {
    this.cancelTimer();
    this.tracker.listeners.delete(this.notice);
    act();
  }

  private readonly notice = (): void => {
    try {
      this.look();
    } catch (error) {
      // A function of the test failed.
      this.end(() => this.reject(error));
    }
  };
}
