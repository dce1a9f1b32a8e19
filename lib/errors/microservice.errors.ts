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

/**
 * A durable request was not stored, since its stream has a message with the same id within its duplicates window. Only the
 * caller of that one is answered.
 */
export class DuplicateRequestError extends JetStreamError {
  constructor(
    /** The subject of the request. */
    readonly subject: string,
    /** The id that both requests have. */
    readonly messageId: string,
    /** The stream that has the other request. */
    readonly stream: string,
    /** The sequence of the other request in that stream. */
    readonly sequence: number,
  ) {
    super(
      `The request to "${subject}" was not stored: stream "${stream}" has a request with the message id "${messageId}", ` +
        `sequence ${sequence}, and answers only the caller of that one. Give each request a message id of its own.`,
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
