import { Injectable } from '@nestjs/common';
import { InjectStream, JetStreamService, type Stream } from 'nestjs-nats-jetstream';
import { type Flight, subjectOf } from './flight.js';
import { RunFigures } from './run-figures.js';

/** How many publishes are in flight at a time. */
const WINDOW = 500;

/**
 * Publishes the records in their order, so that the record at index `i` is the stream's message `i + 1`. A publisher
 * that was stopped continues after the last stored record. No record is stored twice, even if the publisher was killed
 * with publishes in flight: each publish names the sequence that it expects before it, and by its message id the stream
 * recognizes a repeated publish.
 */
@Injectable()
export class FlightPublisher {
  constructor(
    private readonly jetstream: JetStreamService,
    @InjectStream('FLIGHTS') private readonly stream: Stream,
    private readonly figures: RunFigures,
  ) {}

  async publish(flights: readonly Flight[], signal: AbortSignal): Promise<void> {
    const { state } = await this.stream.info();
    for (let next = state.lastSequence; next < flights.length && !signal.aborted; next += WINDOW) {
      const window = flights.slice(next, next + WINDOW);
      await Promise.all(window.map((flight, i) => this.publishRecord(next + i, flight)));
    }
  }

  private async publishRecord(index: number, flight: Flight): Promise<void> {
    const { duplicate } = await this.jetstream.publish(subjectOf(flight), flight, {
      messageId: `flight-${index}`,
      expect: { lastSequence: index },
    });
    if (!duplicate) this.figures.published++;
  }
}
