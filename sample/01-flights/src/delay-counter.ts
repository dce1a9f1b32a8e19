import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { InjectKeyValue, JetStreamContext, JsConsumer, type KeyValue } from 'nestjs-nats-jetstream';
import { type AirportDelays, NO_FLIGHTS, withFlight } from './airport-delays.js';
import type { Flight } from './flight.js';
import { RunFigures } from './run-figures.js';

/**
 * Counts each flight at the airport it left, exactly once.
 *
 * A message can be redelivered, for example if the application crashed between counting and acknowledging it. Therefore
 * the bucket keeps, together with the counts, the sequence of the last counted message, and a message that is not newer
 * is not counted again. This requires that messages are handled in stream order, across crashes too. With
 * `maxAckPending: 1` the server delivers the next message, to any instance of the application, only after the previous
 * one is settled.
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

    // Fails if another instance has updated the entry first: the handler then throws, and the message is redelivered.
    await this.airports.update(
      flight.origin,
      withFlight(delays, flight, metadata.streamSequence),
      entry?.revision ?? 0,
    );
    this.figures.consumed++;
  }
}
