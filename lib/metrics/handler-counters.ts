import {
  type Ending,
  type HandlerInstrument,
  type ObservedDelivery,
  type ObservedHandler,
  type Outcome,
  OUTCOMES,
} from '../instruments/index.js';
import { DeliveryNumbers, JetStreamMessage } from '../jetstream/index.js';
import type { Family, Labels, Sample } from './family.js';
import { Histogram } from './histogram.js';

/** The bounds of the histograms of handlers, in seconds. */
export interface HandlerBuckets {
  readonly process: readonly number[];
  readonly delay: readonly number[];
}

/** The index of each outcome in {@link OUTCOMES}. */
const INDEX = Object.fromEntries(OUTCOMES.map((outcome, i) => [outcome, i])) as Record<Outcome, number>;
const MILLISECONDS = 1_000;

/** The deliveries to one handler, in typed arrays: a delivery costs no allocation, and no search for labels. */
class HandlerCounters implements HandlerInstrument {
  readonly outcomes = new Float64Array(OUTCOMES.length);
  /** The number of deliveries whose handler failed. */
  readonly failures = new Float64Array(1);
  readonly processing: Histogram;
  readonly delays: Histogram;
  private readonly numbers = new DeliveryNumbers();

  constructor(
    readonly labels: Labels,
    /** Whether deliveries may be requests, which have outcomes of their own. */
    readonly answers: boolean,
    /** The lag of the consumer, which all methods of a class share. */
    readonly lag: Float64Array,
    { process, delay }: HandlerBuckets,
  ) {
    this.processing = new Histogram(process);
    this.delays = new Histogram(delay);
  }

  started(delivery: ObservedDelivery): void {
    const { numbers } = this;
    if (!(delivery instanceof JetStreamMessage) || !numbers.read(delivery.msg)) return;
    this.lag[0] = numbers.pending;
    if (numbers.deliveryCount !== 1) return;
    // The clock of this host may be behind that of the server.
    this.delays.observe(Math.max(0, Date.now() - numbers.storedAt) / MILLISECONDS);
  }

  ended(_delivery: ObservedDelivery, { outcome, failed, duration }: Ending): void {
    this.outcomes[INDEX[outcome]]++;
    if (failed) this.failures[0]++;
    // It is 0 if no handler was called.
    if (duration > 0) this.processing.observe(duration / MILLISECONDS);
  }
}

/** The deliveries to all handlers of an application. */
export class HandlerMetrics {
  private readonly handlers = new Map<string, HandlerCounters>();
  private readonly lags = new Map<string, Float64Array>();
  /** The consumers that keep their name when their handler starts again: connection, stream and name. */
  private readonly named = new Map<string, ObservedHandler & { readonly consumer: string }>();

  constructor(private readonly buckets: HandlerBuckets) {}

  /** The counters of a handler. A handler that starts again continues with the same ones. */
  of(observed: ObservedHandler): HandlerInstrument {
    const { handler, form, connection, source, consumer = '' } = observed;
    if (consumer !== '') this.named.set(keyOf(connection, source, consumer), { ...observed, consumer });
    const key = keyOf(handler, form, connection, source, consumer);
    const known = this.handlers.get(key);
    if (known !== undefined) return known;
    const lag = this.lagOf(consumer === '' ? key : keyOf(connection, source, consumer));
    const labels = { connection, handler, form, source, consumer };
    const counters = new HandlerCounters(labels, form === 'request', lag, this.buckets);
    this.handlers.set(key, counters);
    return counters;
  }

  /** The handlers whose consumers keep their names. */
  get consumers(): Iterable<ObservedHandler & { readonly consumer: string }> {
    return this.named.values();
  }

  /** All handlers that were asked for, by their labels. */
  get labels(): readonly Labels[] {
    return [...this.handlers.values()].map(({ labels }) => labels);
  }

  /** The name of a consumer as a label: empty if it is another one each time that its handler starts. */
  labelOf(connection: string, source: string, consumer = ''): string {
    return this.named.has(keyOf(connection, source, consumer)) ? consumer : '';
  }

  families(prefix: string): Family[] {
    const each = (read: (counters: HandlerCounters) => readonly Sample[]): Sample[] =>
      [...this.handlers.values()].flatMap(read);
    const reset = (clear: (counters: HandlerCounters) => void) => (): void => {
      for (const counters of this.handlers.values()) clear(counters);
    };
    const durations = `${prefix}process_duration_seconds`;
    const delays = `${prefix}delivery_delay_seconds`;
    return [
      {
        name: `${prefix}deliveries_total`,
        help: 'Deliveries to handlers, by what became of them.',
        type: 'counter',
        read: () => each(outcomeSamples),
        reset: reset(({ outcomes }) => outcomes.fill(0)),
      },
      {
        name: `${prefix}handler_failures_total`,
        help: 'Deliveries whose handler failed, or whose payload was invalid.',
        type: 'counter',
        read: () => each(({ labels, failures: [value] }) => [{ labels, value }]),
        reset: reset(({ failures }) => failures.fill(0)),
      },
      {
        name: durations,
        help: 'Time from the call of the handler until the message was settled, in seconds.',
        type: 'histogram',
        read: () => each(({ labels, processing }) => processing.samples(durations, labels)),
        reset: reset(({ processing }) => processing.reset()),
      },
      {
        name: delays,
        help: 'Time from the storing of a message until its handler was called, in seconds. First deliveries only.',
        type: 'histogram',
        read: () => each(({ labels, delays: histogram }) => histogram.samples(delays, labels)),
        reset: reset(({ delays: histogram }) => histogram.reset()),
      },
      {
        name: `${prefix}handler_lag`,
        help: "Messages that the handler's consumer had not delivered yet, as of its last delivery here.",
        type: 'gauge',
        read: () => each(({ labels, lag: [value] }) => (Number.isNaN(value) ? [] : [{ labels, value }])),
      },
    ];
  }

  private lagOf(key: string): Float64Array {
    let lag = this.lags.get(key);
    if (lag === undefined) this.lags.set(key, (lag = Float64Array.of(NaN)));
    return lag;
  }
}

function outcomeSamples({ labels, outcomes, answers }: HandlerCounters): Sample[] {
  return OUTCOMES.flatMap((outcome, i) => {
    const isOfRequests = outcome === 'answered' || outcome === 'failed';
    if (isOfRequests && !answers && outcomes[i] === 0) return [];
    return [{ labels: { ...labels, outcome }, value: outcomes[i] }];
  });
}

function keyOf(...parts: readonly string[]): string {
  return parts.join('\n');
}
