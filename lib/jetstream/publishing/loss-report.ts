import { Logger } from '@nestjs/common';

/** How many milliseconds of losses go into one line. */
const INTERVAL = 1_000;

/** Logs failed messages that nobody hears of otherwise: one line a second, however many they are. */
export class LossReport {
  private readonly logger = new Logger('Publisher');
  private count = 0;
  private example: Error | undefined;
  private timer: NodeJS.Timeout | undefined;

  add(error: Error): void {
    this.count++;
    this.example ??= error;
    this.timer ??= setTimeout(() => this.write(), INTERVAL);
  }

  /** Takes one back: somebody hears of it after all. */
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
    this.logger.error(
      `${count} messages of publishAsync failed, and neither are their acks awaited nor is publish.onError set. ` +
        `One of them: ${example?.message}`,
    );
  }
}
