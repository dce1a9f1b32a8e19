import { Injectable } from '@nestjs/common';

/** The figures of this run of the application; the stream and the bucket hold those of all runs. */
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
