import { Logger } from '@nestjs/common';

/** How many milliseconds of losses go into one line. */
const INTERVAL = 1_000;

/** Logs failed messages that nobody else hears of: one line a second, however many they are. */
export class LossReport {
  private readonly logger = new Logger('Publisher');
  private count = 0;
  private last: Error | undefined;

  add(error: Error): void {
    this.last = error;
    if (this.count++ === 0) setTimeout(() => this.write(), INTERVAL);
  }

  private write(): void {
    this.logger.error(
      `${this.count} messages of publishAsync were not acknowledged, and neither their acks are awaited nor is ` +
        `publish.onError set. The last: ${this.last?.message}`,
    );
    this.count = 0;
  }
}
