import { isMessageContract, type MessageContract } from '../../../contracts/index.js';
import type { DeadLetteredMessage, HandledMessage } from '../flow.js';
import {
  checkExpectNothingOptions,
  checkExpectNothingPublishedOptions,
  checkWaitOptions,
  type ExpectNothingOptions,
  type ExpectNothingPublishedOptions,
  type TestWaitOptions,
} from '../kit-options.js';
import type { FlowTracker } from '../tracking/index.js';
import { deadLetterOf, handledOf } from './contract-messages.js';
import { deadLetterSearch, handledSearch, waitFor, waitForNothing, waitUntilIdle } from './expectations.js';
import { waitForNothingPublished } from './nothing-published.js';
import { checkReachable } from './reachable.js';
import {
  checkDeadLetterOptions,
  checkHandledOptions,
  DEAD_LETTERS,
  type DeadLetterOptions,
  type DeadLetterSelector,
  DELIVERIES,
  HANDLED_MESSAGES,
  type HandledOptions,
  type HandledSelector,
  publishedSelectionOf,
  selectionOf,
} from './selectors.js';

/** How long it is waited for what is not expected, in milliseconds. */
const DEFAULT_QUIET = 100;

/** The waits of a kit that do not belong to one flow. */
export class KitWaits {
  constructor(
    private readonly tracker: FlowTracker,
    /** How long a wait takes by default, in milliseconds. */
    private readonly timeout: number,
  ) {}

  async handled(selector: HandledSelector, options: HandledOptions): Promise<HandledMessage> {
    const { timeout = this.timeout, ...more } = checkHandledOptions(options);
    const search = handledSearch(this.tracker, selectionOf(HANDLED_MESSAGES, selector, more));
    const found = await waitFor(this.tracker, search, timeout);
    return isMessageContract(selector) ? handledOf(selector, found) : found;
  }

  async deadLettered(selector: DeadLetterSelector, options: DeadLetterOptions): Promise<DeadLetteredMessage> {
    const { timeout = this.timeout, ...more } = checkDeadLetterOptions(options);
    const search = deadLetterSearch(this.tracker, selectionOf(DEAD_LETTERS, selector, more));
    const found = await waitFor(this.tracker, search, timeout);
    return isMessageContract(selector) ? deadLetterOf(selector, found) : found;
  }

  async idle(options: TestWaitOptions): Promise<void> {
    const { timeout = this.timeout } = checkWaitOptions(options);
    await waitUntilIdle(this.tracker, timeout);
  }

  async expectNothing(selector: HandledSelector, options: ExpectNothingOptions): Promise<void> {
    const { within = DEFAULT_QUIET } = checkExpectNothingOptions(options);
    const search = handledSearch(this.tracker, selectionOf(DELIVERIES, selector));
    checkReachable(search, this.tracker.groups);
    await waitForNothing(this.tracker, search, { within, timeout: this.timeout });
  }

  async expectNothingPublished(
    subject: string | MessageContract,
    options: ExpectNothingPublishedOptions,
  ): Promise<void> {
    const { within = DEFAULT_QUIET, payload } = checkExpectNothingPublishedOptions(options);
    await waitForNothingPublished(this.tracker, publishedSelectionOf(subject, payload), within);
  }
}
