import type { LoggerService } from '@nestjs/common';

/** How many errors an application may log in a minute: not one for each of the thousands of messages that a fault affects. */
const ERRORS_PER_MINUTE = 600;

/** Counts the errors of an application, and keeps the last ones. */
export class CountedLog implements LoggerService {
  private readonly since = performance.now();
  private errors = 0;
  private readonly last: string[] = [];

  log(): void {}

  warn(message: unknown): void {
    if (process.env.FAULT_LOG !== undefined) process.stderr.write(`${String(message)}\n`);
  }

  error(message: unknown): void {
    this.errors++;
    this.last.push(String(message));
    if (this.last.length > 3) this.last.shift();
    if (process.env.FAULT_LOG !== undefined) process.stderr.write(`${String(message)}\n`);
  }

  /** A line if there were too many errors. */
  excess(): string[] {
    const minutes = 1 + (performance.now() - this.since) / 60_000;
    if (this.errors < ERRORS_PER_MINUTE * minutes) return [];
    return [`${this.errors} errors were logged, the last ones: ${this.last.join('; ')}`];
  }
}
