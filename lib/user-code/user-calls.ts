import type { Logger } from '@nestjs/common';
import { errorStack, errorText, heldBackText, ReportLimiter, shown } from '../reporting/index.js';
import { pendingThenable } from './thenables.js';

/** The required type of the answer of a function that must answer at once. */
export interface Expected<T> {
  /** Whether a value is an answer. May throw. */
  readonly is: (value: unknown) => value is T;
  /** For the log: "an object". */
  readonly what: string;
}

const ANYTHING: Expected<unknown> = {
  is: (value): value is unknown => value !== undefined,
  what: 'an answer',
};

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

  /**
   * Calls a function whose answer is needed at once. Never throws. A promise, and an answer of the wrong type, are logged
   * and do not count.
   *
   * @param name the name of the function in the log, at the beginning of a sentence
   * @returns the answer; `undefined` if there is none
   */
  answer<T>(name: string, ask: () => unknown, { is, what }: Expected<T>): T | undefined {
    try {
      const answer = ask();
      if (answer === undefined) return undefined;
      const pending = pendingThenable(answer);
      if (pending === undefined) {
        if (is(answer)) return answer;
        this.refused(name, `it returned ${shown(answer)} instead of ${what}`);
        return undefined;
      }
      pending.catch((error: unknown) => this.failed(name, error));
      this.refused(name, 'it must not be asynchronous, because its result is needed at once');
    } catch (error) {
      this.failed(name, error);
    }
    return undefined;
  }

  /** Calls a function that answers yes or no: a truthy answer is yes. Never throws; without an answer it is no. */
  decide(name: string, ask: () => unknown): boolean {
    return Boolean(this.answer(name, ask, ANYTHING));
  }

  /** Logs the rejection if a function returned a promise that rejects. Never throws. */
  observe(name: string, result: unknown): void {
    if (result !== undefined) pendingThenable(result)?.catch((error: unknown) => this.failed(name, error));
  }

  /** Logs that a function failed. Never throws. */
  failed(name: string, error: unknown): void {
    this.log(`${name} failed: ${errorText(error)}`, errorStack(error));
  }

  private refused(name: string, problem: string): void {
    this.log(`The result of "${name}" is ignored: ${problem}.`);
  }

  private log(text: string, stack?: string): void {
    const heldBack = this.limiter.admit(text);
    if (heldBack !== undefined) this.logger.error(`${text}${heldBackText(heldBack)}`, stack);
  }
}
