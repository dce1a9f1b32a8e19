import { JetStreamError } from './jetstream.error.js';

/**
 * The reply to a request is invalid: it is empty or cannot be decoded.
 *
 * @remarks Use the same codec in the service and in the caller.
 */
export class InvalidReplyError extends JetStreamError {
  constructor(
    /** The subject of the request. */
    readonly subject: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `The reply to "${subject}" is invalid: ${problem}. Check that the service and the caller use the same codec.`,
      options,
    );
  }
}

/**
 * A durable request was not stored because its stream already has a message with the same id within its duplicates
 * window. Only the caller of that earlier request receives an answer.
 *
 * @remarks Give each request its own message id.
 */
export class DuplicateRequestError extends JetStreamError {
  constructor(
    /** The subject of the request. */
    readonly subject: string,
    /** The message id that both requests have. */
    readonly messageId: string,
    /** The stream that stored the earlier request. */
    readonly stream: string,
    /** The sequence of the earlier request in that stream. */
    readonly sequence: number,
  ) {
    super(
      `The request to "${subject}" was not stored: stream "${stream}" already has a request with the message id "${messageId}" ` +
        `(sequence ${sequence}), and only the caller of that request receives an answer. ` +
        'Give each request its own message id.',
    );
  }
}

/**
 * The client or server of the transport is not connected yet, or was closed.
 *
 * @remarks Await `connect()` of the client or `listen()` of the server first.
 */
export class TransportNotConnectedError extends JetStreamError {
  constructor(
    /** The part of the transport that was used. */
    readonly transport: string,
    whatToDo: string,
  ) {
    super(`${transport} is not connected: ${whatToDo}.`);
  }
}

/**
 * A handler failed with a value that is not an `Error`, for example one that an exception filter returned.
 *
 * @remarks Correct what the `cause` says, and throw an `Error` instead of another value.
 */
export class HandlerFailedError extends JetStreamError {}
