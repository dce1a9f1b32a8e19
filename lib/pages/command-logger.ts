import type { LoggerService } from '@nestjs/common';

/** Shows warnings and errors of an application that a command starts, on the standard error output. */
export class CommandLogger implements LoggerService {
  /** @param write writes to the standard error output */
  constructor(protected readonly write: (text: string) => void) {}

  log(_message: unknown, ..._rest: readonly unknown[]): void {
    // The start of the application is of no interest here.
  }

  warn(message: unknown): void {
    this.write(`${String(message)}\n`);
  }

  error(message: unknown, ...rest: readonly unknown[]): void {
    // Nest logs the error of a failed start, and then throws it.
    if (rest.at(-1) === 'ExceptionHandler') return;
    this.write(`${String(message)}\n`);
  }
}
