import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { KvContext, KvWatch } from 'nestjs-nats-jetstream';
import { type AirportDelays, NO_FLIGHTS } from './airport-delays.js';
import { Progress } from './progress.js';

/** A copy of the bucket in memory that follows every change, as a screen in the departure hall would show it. */
@Injectable()
export class AirportBoard {
  private readonly delays = new Map<string, AirportDelays>();
  private counted = 0;
  private target = Infinity;
  private reached: () => void = () => undefined;

  constructor(private readonly progress: Progress) {}

  /** How many flights of all airports together are counted. */
  get flights(): number {
    return this.counted;
  }

  /** Every airport's statistics, by its code. */
  get airports(): ReadonlyMap<string, AirportDelays> {
    return this.delays;
  }

  @KvWatch('airport-delays')
  onChange(@Payload() delays: AirportDelays | null, @Ctx() { key }: KvContext): void {
    const now = delays ?? NO_FLIGHTS;
    this.counted += now.flights - (this.delays.get(key) ?? NO_FLIGHTS).flights;
    this.delays.set(key, now);
    this.progress.consumed(this.counted);
    if (this.counted >= this.target) this.reached();
  }

  /** Resolves when that many flights are counted. */
  reaches(flights: number): Promise<void> {
    return new Promise((resolve) => {
      this.target = flights;
      this.reached = resolve;
      if (this.counted >= flights) resolve();
    });
  }
}
