import type { Logger } from '@nestjs/common';
import { errorStack, errorText, heldBackText, ReportLimiter } from '../reporting/index.js';
import { pendingThenable } from './thenables.js';

/**
 * Calls functions of the application whose result is not awaited: callbacks, listeners, hooks. Their errors and
 * rejections are logged, the same failure once a minute, and have no other effect.
 */
export class UserCalls {
  private readonly limiter = new ReportLimiter();

  constructor(private readonly logger: Logger) {}

  /**
   * Calls a function. Never throws.
   *
   * @param name the name of the function in the log, at the beginning of a sentence
   */
  call(name: string, act: () => unknown): void {
    try {
      this.observe(name, act());
    } catch (error) {
      this.failed(name, error);
    }
  }

  /** Logs the rejection if a function returned a promise that rejects. Never throws. */
  observe(name: string, result: unknown): void {
    if (result !== undefined) pendingThenable(result)?.catch((error: unknown) => this.failed(name, error));
  }

  /** Logs that a function failed. Never throws. */
  failed(name: string, error: unknown): void {
    const text = `${name} failed: ${errorText(error)}`;
    const heldBack = this.limiter.admit(text);
    if (heldBack !== undefined) this.logger.error(`${text}${heldBackText(heldBack)}`, errorStack(error));
  }
}
