import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { InjectKeyValue, JetStreamContext, JsConsumer, type KeyValue } from 'nestjs-nats-jetstream';
import { type AirportDelays, NO_FLIGHTS, withFlight } from './airport-delays.js';
import type { Flight } from './flight.js';
import { RunFigures } from './run-figures.js';

/**
 * Counts each flight at the airport it left, exactly once whatever happens.
 *
 * A message can come again: when the application died between counting and acknowledging, say. So the bucket keeps,
 * together with the counts, the sequence of the last message in them, and what is not newer is not counted again. This
 * holds as long as messages are handled in stream order, over crashes too; hence `maxAckPending: 1`: the next one is
 * delivered when the one before is settled, to whichever instance of the application.
 */
@Injectable()
export class DelayCounter {
  constructor(
    @InjectKeyValue('airport-delays') private readonly airports: KeyValue<AirportDelays>,
    private readonly figures: RunFigures,
  ) {}

  @JsConsumer({ stream: 'FLIGHTS', durable: 'delay-counter', maxAckPending: 1, ackWait: 1_000 })
  async count(@Payload() flight: Flight, @Ctx() { metadata }: JetStreamContext): Promise<void> {
    if (metadata.deliveryCount > 1) this.figures.redelivered++;

    const entry = await this.airports.get(flight.origin);
    const delays = entry?.value ?? NO_FLIGHTS;
    if (metadata.streamSequence <= delays.lastSequence) return;

    // Refused where another instance was faster: this one then throws, and the message comes again.
    await this.airports.update(
      flight.origin,
      withFlight(delays, flight, metadata.streamSequence),
      entry?.revision ?? 0,
    );
    this.figures.consumed++;
  }
}
