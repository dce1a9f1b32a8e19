import { Injectable } from '@nestjs/common';
import { InjectStream, JetStreamService, type Stream } from 'nestjs-nats-jetstream';
import { type Flight, subjectOf } from './flight.js';
import { RunFigures } from './run-figures.js';

/** How many records are under way at a time. */
const WINDOW = 500;

/**
 * Publishes the records in their order, so that the record at index `i` is the stream's message `i + 1`. A publisher
 * that was stopped goes on behind what the stream holds; and nothing can be stored twice, not even by one that was
 * killed with publishes under way: each names the sequence that must be there before it, and a message id tells the
 * stream which repetitions to forgive.
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
