import { Logger } from '@nestjs/common';
import { errorText } from '../../reporting/index.js';
import { Timer } from '../../timing/index.js';

/** How many milliseconds of losses go into one line. */
const INTERVAL = 1_000;

/** Logs failed messages whose failure no caller receives: one line a second, however many they are. */
export class LossReport {
  private readonly logger: Logger;
  private count = 0;
  private example: Error | undefined;
  private timer: Timer | undefined;

  constructor(
    context: string,
    /** What failed and why it is logged, after the number of them: such as `events failed, and no subscriber was told`. */
    private readonly what: string,
  ) {
    this.logger = new Logger(context);
  }

  add(error: Error): void {
    this.count++;
    this.example ??= error;
    this.timer ??= new Timer(INTERVAL, () => this.write());
  }

  /** Takes one back: a caller receives its failure after all. */
  withdraw(error: Error): void {
    if (this.count > 0) this.count--;
    if (this.example === error) this.example = undefined;
  }

  private write(): void {
    const { count, example } = this;
    this.timer = undefined;
    this.count = 0;
    this.example = undefined;
    if (count === 0) return;
    const reason = example === undefined ? '' : ` One of them: ${errorText(example)}`;
    this.logger.error(`${count} ${this.what}.${reason}`);
  }
}
