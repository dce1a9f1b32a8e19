import { JetStreamError } from '../../errors/index.js';

/** Thrown by a handler to have its message again, whatever its retry policy says. */
export class RetryMessage extends JetStreamError {
  constructor(
    /** After how many milliseconds; at once where left out. */
    readonly delay?: number,
    options?: ErrorOptions,
  ) {
    super(delay === undefined ? 'retry at once' : `retry in ${delay} ms`, options);
  }
}

/** Thrown by a handler when no retry can help: the message is terminated, and kept as a dead letter where one is set. */
export class TerminateMessage extends JetStreamError {
  constructor(
    /** Why, for the server's advisory and the dead letter. */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(reason, options);
  }
}

/** The payload cannot be decoded or did not pass validation: no retry can mend it. */
export class InvalidPayloadError extends JetStreamError {}
