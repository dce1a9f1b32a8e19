import { TestKitAssertionError } from '../errors.js';
import { type FlowTracker, type SentMessage, Wait, warnOfFakeTimers } from '../tracking/index.js';
import { shownValue } from './report.js';

/** Messages that are selected by what is published. */
export interface PublishedSelection {
  readonly matches: (message: SentMessage) => boolean;
  /** What is selected, for errors. */
  readonly what: string;
}

/**
 * Waits for a time in which nothing that matches is published, with or without success.
 *
 * @throws {@link TestKitAssertionError} at the first match; what an asymmetric matcher of the test throws
 */
export function waitForNothingPublished(
  tracker: FlowTracker,
  { matches, what }: PublishedSelection,
  within: number,
): Promise<void> {
  warnOfFakeTimers(tracker.logger);
  return new Promise((resolve, reject) => {
    const wait = new Wait(tracker.waits, reject, () => `Whether there was no ${what} is not known.`);
    const notice = (message: SentMessage): void =>
      wait.attempt(() => {
        if (!matches(message)) return;
        const found = `"${message.subject}", payload ${shownValue(message.payload)}`;
        const text = `Expected no ${what} for ${within} ms, but there was one: ${found}`;
        wait.end(() => reject(new TestKitAssertionError(text)));
      });
    tracker.publishing.add(notice);
    wait.cancelAtEnd(() => tracker.publishing.delete(notice));
    wait.after(within, () => wait.end(resolve));
  });
}
