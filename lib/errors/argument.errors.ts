import { JetStreamError } from './jetstream.error.js';

/**
 * An argument or option has an invalid value. Thrown before anything is sent.
 *
 * @remarks Correct the argument or option that `argument` names.
 */
export class InvalidArgumentError extends JetStreamError {
  constructor(
    /** The name of the argument or option, such as `maxWait`. */
    readonly argument: string,
    /** What is wrong with the value, and which values are allowed. */
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`Invalid ${argument}: ${problem}`, options);
  }
}
