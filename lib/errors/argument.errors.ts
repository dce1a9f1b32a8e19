import { JetStreamError } from './jetstream.error.js';

/** An argument or option that cannot be right. Raised before anything is sent. */
export class InvalidArgumentError extends JetStreamError {
  constructor(
    /** The name of the argument or option, such as `maxWait`. */
    readonly argument: string,
    /** What is wrong with it and what is allowed. */
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`Invalid ${argument}: ${problem}`, options);
  }
}
