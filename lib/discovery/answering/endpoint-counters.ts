import { SubjectRouter } from '../../consuming/index.js';
import {
  type Ending,
  type HandlerInstrument,
  type ObservedDelivery,
  type Outcome,
  OUTCOMES,
} from '../../instruments/index.js';
import { DeliveryNumbers, JetStreamMessage } from '../../jetstream/index.js';
import { errorClass, errorText } from '../../reporting/index.js';

/** The index of each outcome in {@link OUTCOMES}. */
const INDEX = Object.fromEntries(OUTCOMES.map((outcome, i) => [outcome, i])) as Record<Outcome, number>;
const RELEASED = INDEX.released;

/** The longest text of an error, in characters. */
const LONGEST_TEXT = 300;
/** Other names may have been chosen freely, so they count as text. */
const CLASS_NAME = /^[\w$]{1,100}$/;
const NANOS_PER_MILLISECOND = 1_000_000;

/** The places in the list of numbers. */
const FAILURES = 0;
const DURATION = 1;

/** The deliveries that belong to one endpoint, in typed arrays: a delivery costs no allocation. */
export class EndpointCounters {
  private readonly outcomes = new Float64Array(OUTCOMES.length);
  /** The number of failures, and the sum of all durations in milliseconds. */
  private readonly numbers = new Float64Array(2);
  lastError = '';

  count({ outcome, failed, duration }: Ending): void {
    this.outcomes[INDEX[outcome]]++;
    this.numbers[DURATION] += duration;
    if (failed) this.numbers[FAILURES]++;
  }

  /** Deliveries that were returned to the server without an attempt to handle them are not counted. */
  get requests(): number {
    let requests = 0;
    for (let i = 0; i < OUTCOMES.length; i++) if (i !== RELEASED) requests += this.outcomes[i];
    return requests;
  }

  get errors(): number {
    return this.numbers[FAILURES];
  }

  /** In nanoseconds, as a whole number. */
  get processingTime(): number {
    return Math.round(this.numbers[DURATION] * NANOS_PER_MILLISECOND);
  }

  /** In nanoseconds, as a whole number; 0 before the first request. */
  get averageProcessingTime(): number {
    const { requests } = this;
    return requests === 0 ? 0 : Math.floor(this.processingTime / requests);
  }

  /** The outcomes that occurred. */
  get occurred(): Readonly<Partial<Record<Outcome, number>>> {
    return Object.fromEntries(
      OUTCOMES.map((outcome, i) => [outcome, this.outcomes[i]] as const).filter(([, count]) => count > 0),
    );
  }
}

/**
 * Counts the deliveries to one handler: an instrument. A handler with several filter subjects has counters for each of
 * them.
 */
export class HandlerCounters implements HandlerInstrument {
  /** The counters by filter subject. */
  readonly endpoints: ReadonlyMap<string, EndpointCounters>;
  private readonly numbers = new DeliveryNumbers();
  private readonly pending = Float64Array.of(NaN);
  private readonly first: EndpointCounters;
  private readonly router: SubjectRouter<EndpointCounters, EndpointCounters> | undefined;

  /**
   * @param patterns the filter subjects, or the keys of a watch; at least one
   * @param showText whether the last error contains the text of the error
   */
  constructor(
    private readonly handler: string,
    patterns: readonly [string, ...string[]],
    private readonly showText: boolean,
  ) {
    this.first = new EndpointCounters();
    const [first, ...others] = new Set(patterns);
    this.endpoints = new Map([
      [first, this.first],
      ...others.map((pattern): [string, EndpointCounters] => [pattern, new EndpointCounters()]),
    ]);
    if (others.length === 0) return;
    const routes = [...this.endpoints].map(([pattern, target]) => ({ pattern, target }));
    this.router = new SubjectRouter(routes, ([mostSpecific]) => mostSpecific ?? this.first);
  }

  /** As of the last delivery; `undefined` if there was none, or the handler has no consumer. */
  get lag(): number | undefined {
    const [pending] = this.pending;
    return Number.isNaN(pending) ? undefined : pending;
  }

  started(delivery: ObservedDelivery): void {
    const { numbers } = this;
    if (delivery instanceof JetStreamMessage && numbers.read(delivery.msg)) this.pending[0] = numbers.pending;
  }

  ended(delivery: ObservedDelivery, ending: Ending): void {
    const endpoint = this.router === undefined ? this.first : this.router.find(delivery.subject);
    endpoint.count(ending);
    if (ending.failed) endpoint.lastError = this.describe(ending.error);
  }

  private describe(error: unknown): string {
    if (error === undefined) return this.handler;
    const name = errorClass(error);
    const type = name !== undefined && CLASS_NAME.test(name) ? name : 'Error';
    const described = `${this.handler}: ${type}`;
    return this.showText ? `${described}: ${errorText(error).slice(0, LONGEST_TEXT)}` : described;
  }
}
