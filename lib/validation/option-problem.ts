import { errorText, shown } from '../reporting/index.js';
import { pendingThenable } from '../user-code/index.js';

/** One mistake in options. */
export interface OptionProblem {
  /** Where it is, such as `retry.backoff[1]`. */
  readonly option: string;
  /** A sentence that names the option: what is wrong, and what is right. */
  readonly sentence: string;
  /** The same for an error that names the option itself. */
  readonly reason: string;
  /** Whether there is no such option. */
  readonly isUnknown?: true;
}

/** A value that cannot be right. @param wanted what it must be, such as `a whole number, 1 or more` */
export function mismatch(option: string, wanted: string, value: unknown, show = shown): OptionProblem {
  // Of a promise in the place of a value only this mistake is reported, not its rejection too.
  pendingThenable(value)?.catch(() => undefined);
  const found = show(value);
  return {
    option,
    sentence: `${option} must be ${wanted}; it is ${found}`,
    reason: `${found} is not ${wanted}`,
  };
}

/** A value that cannot be read, as with accessors and proxies that throw. */
export function unreadable(option: string, error: unknown): OptionProblem {
  const reason = `it cannot be read: ${errorText(error)}`;
  return { option, sentence: `${option} cannot be read: ${errorText(error)}`, reason };
}
