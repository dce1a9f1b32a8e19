import { JetStreamError } from './jetstream.error.js';

/** What answered a request is no answer: it cannot be decoded, or is empty. */
export class InvalidReplyError extends JetStreamError {
  constructor(
    /** The subject of the request. */
    readonly subject: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `The answer to "${subject}" is not understood: ${problem}. Do both ends have the same codec?`,
      options,
    );
  }
}

/** The client or server of the transport has no connection yet, or no longer. */
export class TransportNotConnectedError extends JetStreamError {
  constructor(
    /** What was asked for it. */
    readonly transport: string,
    whatToDo: string,
  ) {
    super(`${transport} is not connected: ${whatToDo}.`);
  }
}

/** A handler failed with something that is no error, such as what an exception filter made of one. */
export class HandlerFailedError extends JetStreamError {}
