import { Injectable } from '@nestjs/common';
import { SingleBar } from 'cli-progress';
import { RunFigures } from './run-figures.js';

/** The bar that is drawn while flights are counted. */
@Injectable()
export class Progress {
  private readonly bar = new SingleBar({
    format:
      '{bar} {percentage}% │ {value} of {total} counted │ {published} published in this run │ {duration} s',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    gracefulExit: false,
    noTTYOutput: true,
    notTTYSchedule: 1_000,
  });

  constructor(private readonly figures: RunFigures) {}

  start(total: number, consumed: number): void {
    this.bar.start(total, consumed, { published: 0 });
  }

  consumed(flights: number): void {
    this.bar.update(flights, { published: this.figures.published });
  }

  stop(): void {
    this.bar.stop();
  }
}
