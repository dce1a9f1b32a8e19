import type { Logger } from '@nestjs/common';
import { errorClass, errorStack, errorText, propertyOf } from '../../reporting/index.js';

/** The maximum number of kinds of errors that are distinguished per handler. */
const MOST_KINDS = 100;

/**
 * Logs the failures of handlers. While a message is retried, the stack of an error is logged once per handler and kind
 * of error (its name and the line that threw it); it is always logged when the message is given up.
 */
export class FailureLog {
  private readonly shown = new Map<string, Set<string>>();

  constructor(private readonly logger: Logger) {}

  /** Called when a message failed and is handled again. */
  retried(what: string, handler: string, error: unknown, delay: number): void {
    const stack = this.isNew(handler, error) ? errorStack(error) : undefined;
    const text = `${what} failed and will be retried in ${delay} ms: ${classified(error)}`;
    this.logger.warn(stack === undefined ? text : `${text}\n${stack}`);
  }

  /** Called when a message is given up for a reason that needs no investigation of the code. */
  refused(text: string, error: unknown): void {
    this.logger.warn(`${text}: ${errorText(error)}`);
  }

  /** Called when a message is given up and a person must investigate. */
  failed(text: string, error: unknown): void {
    this.logger.error(`${text}: ${classified(error)}`, errorStack(error));
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

/** The text of an error, with its class if it has one of its own. */
function classified(error: unknown): string {
  const name = errorClass(error);
  return name === undefined || name === 'Error' ? errorText(error) : `${name}: ${errorText(error)}`;
}
