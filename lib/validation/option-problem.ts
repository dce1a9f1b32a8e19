import { errorText, shown } from '../reporting/index.js';
import { pendingThenable } from '../user-code/index.js';

/** One mistake in options. */
export interface OptionProblem {
  /** The path of the option, such as `retry.backoff[1]`. */
  readonly option: string;
  /** A sentence that names the option, the problem and the expected value. */
  readonly sentence: string;
  /** The same for an error that already names the option. */
  readonly reason: string;
  /** Whether the option does not exist. */
  readonly isUnknown?: true;
}

/** Describes an invalid value. @param wanted the expected value, such as `a whole number, 1 or more` */
export function mismatch(option: string, wanted: string, value: unknown, show = shown): OptionProblem {
  // If the value is a promise, only this mistake is reported, not its rejection too.
  pendingThenable(value)?.catch(() => undefined);
  const found = show(value);
  return {
    option,
    sentence: `${option} must be ${wanted}; it is ${found}`,
    reason: `${found} is not ${wanted}`,
  };
}

/** Describes a value that cannot be read, because an accessor or proxy throws. */
export function unreadable(option: string, error: unknown): OptionProblem {
  const reason = `it cannot be read: ${errorText(error)}`;
  return { option, sentence: `${option} cannot be read: ${errorText(error)}`, reason };
}
