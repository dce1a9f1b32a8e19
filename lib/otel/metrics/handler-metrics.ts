import type { Attributes } from '@opentelemetry/api';
import {
  type Ending,
  type HandlerInstrument,
  type ObservedDelivery,
  type ObservedHandler,
  OUTCOMES,
} from '../../instruments/index.js';
import { Attribute } from '../conventions.js';
import { type Destination, Destinations, processAttributes } from '../destinations.js';
import { AttributeSets } from './attribute-sets.js';
import type { Recorder } from './recorder.js';

/** The attributes of the messages of one destination. */
interface DestinationAttributes {
  readonly processed: AttributeSets;
  /** By the place of the outcome in {@link OUTCOMES}. */
  readonly outcomes: readonly Attributes[];
}

/** Records the messages of one handler. */
export class HandlerMetrics implements HandlerInstrument {
  private readonly destinations: Destinations;
  private readonly attributes: DestinationAttributes[] = [];

  constructor(
    private readonly recorder: Recorder,
    private readonly handler: ObservedHandler,
  ) {
    this.destinations = new Destinations(handler.patterns);
  }

  started({ subject, metadata }: ObservedDelivery): void {
    const recorded = this.recorder.current;
    if (recorded === undefined) return;
    const { succeeded } = this.attributesOf(subject).processed;
    recorded.consumedMessages.add(1, succeeded);
    if (metadata === undefined || metadata.deliveryCount !== 1) return;
    // The clock of the server may be ahead.
    const delay = Math.max(0, Date.now() - metadata.timestamp.getTime());
    recorded.deliveryDelay.record(delay / 1_000, succeeded);
  }

  ended({ subject }: ObservedDelivery, { outcome, failed, error, duration }: Ending): void {
    const recorded = this.recorder.current;
    if (recorded === undefined) return;
    const { processed, outcomes } = this.attributesOf(subject);
    recorded.deliveries.add(1, outcomes[OUTCOMES.indexOf(outcome)]);
    // A message that was returned was not processed.
    if (duration === 0 && !failed) return;
    recorded.processDuration.record(duration / 1_000, failed ? processed.of(error) : processed.succeeded);
  }

  private attributesOf(subject: string): DestinationAttributes {
    const destination = this.destinations.of(subject);
    return (this.attributes[destination.index] ??= this.create(destination));
  }

  private create(destination: Destination): DestinationAttributes {
    const common = processAttributes(this.handler, destination);
    const handled = { ...common, [Attribute.handler]: this.handler.handler };
    return {
      processed: new AttributeSets(handled),
      outcomes: OUTCOMES.map((outcome) => ({ ...handled, [Attribute.outcome]: outcome })),
    };
  }
}
