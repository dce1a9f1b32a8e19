import type { Logger } from '@nestjs/common';
import { errorStack, errorText, propertyOf } from '../../reporting/index.js';

/** How many kinds of errors of one handler are told apart. */
const MOST_KINDS = 100;

/**
 * Logs what handlers fail with. The stack of an error is shown once per handler and kind of error (its name and the line that
 * it was thrown at) while what fails is retried, and always when it is given up.
 */
export class FailureLog {
  private readonly shown = new Map<string, Set<string>>();

  constructor(private readonly logger: Logger) {}

  /** It failed, and is handled again. */
  retried(what: string, handler: string, error: unknown, delay: number): void {
    const stack = this.isNew(handler, error) ? errorStack(error) : undefined;
    const text = `${what} failed, to be retried in ${delay} ms: ${errorText(error)}`;
    this.logger.warn(stack === undefined ? text : `${text}\n${stack}`);
  }

  /** It is given up for a reason that needs nobody to look at the code. */
  refused(text: string, error: unknown): void {
    this.logger.warn(`${text}: ${errorText(error)}`);
  }

  /** It is given up, which needs a person. */
  failed(text: string, error: unknown): void {
    this.logger.error(`${text}: ${errorText(error)}`, errorStack(error));
  }

  private isNew(handler: string, error: unknown): boolean {
    const stack = propertyOf(error, 'stack');
    if (typeof stack !== 'string') return false;
    const kinds = this.shown.get(handler) ?? new Set<string>();
    this.shown.set(handler, kinds);
    const place = /^\s*at .*$/m.exec(stack)?.[0] ?? '';
    const kind = `${String(propertyOf(error, 'name'))} ${place}`;
    if (kinds.has(kind) || kinds.size >= MOST_KINDS) return false;
    kinds.add(kind);
    return true;
  }
}
