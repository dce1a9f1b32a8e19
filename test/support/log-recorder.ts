import type { LoggerService } from '@nestjs/common';

/** Records the log of an application, so that tests can search it. */
export class LogRecorder implements LoggerService {
  readonly lines: { readonly level: string; readonly text: string; readonly context: string }[] = [];

  log(message: unknown, ...rest: unknown[]): void {
    this.record('log', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.record('warn', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.record('error', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.record('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.record('verbose', message, rest);
  }

  /** The texts of one level, limited to one component if it is given. */
  of(level: string, context?: string): string[] {
    return this.lines
      .filter((line) => line.level === level && (context === undefined || line.context === context))
      .map(({ text }) => text);
  }

  private record(level: string, message: unknown, rest: readonly unknown[]): void {
    const context = rest.at(-1);
    this.lines.push({ level, text: String(message), context: typeof context === 'string' ? context : '' });
  }
}
