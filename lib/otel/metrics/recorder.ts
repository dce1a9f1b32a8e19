import {
  type Counter,
  createNoopMeter,
  type Histogram,
  type Meter,
  type MeterProvider,
  metrics,
} from '@opentelemetry/api';
import { LIBRARY_VERSION } from '../../reporting/index.js';
import { DELAY_BUCKETS, DURATION_BUCKETS, Metric } from '../conventions.js';
import { createdWith } from '../created.js';
import { SCOPE } from '../scope.js';

/** The instruments of one meter that are recorded when something happens. */
export interface Recorded {
  readonly operationDuration: Histogram;
  readonly sentMessages: Counter;
  readonly consumedMessages: Counter;
  readonly processDuration: Histogram;
  readonly deliveries: Counter;
  readonly deliveryDelay: Histogram;
  readonly deadLetters: Counter;
}

/** The meter of an application without a meter provider. */
const NOOP = createNoopMeter();

/**
 * Creates the instruments when there is a meter provider. Unlike tracers, meters that were created before the global
 * provider was registered never become real ones, so it is looked up until there is one.
 */
export class Recorder {
  private recorded: Recorded | undefined;

  constructor(
    private readonly provider: MeterProvider | undefined,
    /** Called once, with the first real meter. */
    private readonly onMeter: (meter: Meter) => void = () => undefined,
  ) {}

  /** The instruments; `undefined` if no meter provider is registered yet. */
  get current(): Recorded | undefined {
    return this.recorded ?? createdWith('meterProvider', () => this.look());
  }

  private look(): Recorded | undefined {
    const meter = (this.provider ?? metrics).getMeter(SCOPE, LIBRARY_VERSION);
    if (meter === NOOP) return undefined;
    this.recorded = recordedBy(meter);
    this.onMeter(meter);
    return this.recorded;
  }
}

function recordedBy(meter: Meter): Recorded {
  const duration = (
    name: string,
    description: string,
    explicitBucketBoundaries = DURATION_BUCKETS,
  ): Histogram =>
    meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries } });
  const messages = (name: string, description: string): Counter =>
    meter.createCounter(name, { description, unit: '{message}' });
  return {
    operationDuration: duration(Metric.operationDuration, 'Duration of an operation of a client.'),
    sentMessages: messages(Metric.sentMessages, 'Messages that were sent, or could not be sent.'),
    consumedMessages: messages(Metric.consumedMessages, 'Messages that were passed to a handler.'),
    processDuration: duration(
      Metric.processDuration,
      'From the call of the handler until the message was settled.',
    ),
    deliveries: messages(Metric.deliveries, 'Deliveries by their outcome.'),
    deliveryDelay: duration(
      Metric.deliveryDelay,
      'From the time a message was stored until its handler was called, first deliveries only.',
      DELAY_BUCKETS,
    ),
    deadLetters: messages(Metric.deadLetters, 'Dead letters by their reason.'),
  };
}
