import { Injectable } from '@nestjs/common';

/** What this run of the application did, as against what the stream and the bucket hold from all runs. */
@Injectable()
export class RunFigures {
  published = 0;
  consumed = 0;
  redelivered = 0;
  private readonly start = performance.now();

  /** Seconds since the application started. */
  get elapsed(): number {
    return (performance.now() - this.start) / 1_000;
  }
}
