import { printable } from '../reporting/index.js';
import { JetStreamError } from './jetstream.error.js';

/**
 * The message was already settled when a handler called `ack`, `nak`, `term` or declared it in progress.
 *
 * @remarks Call `ack`, `nak` or `term` only once for each message.
 */
export class MessageAlreadySettledError extends JetStreamError {
  constructor(
    /** The subject of the message. */
    readonly subject: string,
  ) {
    super(`The message on "${subject}" is already settled. Call ack, nak or term only once.`);
  }
}

/**
 * The metadata of a message was requested that was not delivered by a JetStream consumer.
 *
 * @remarks Read metadata only of messages that a consumer delivered.
 */
export class NotAJetStreamMessageError extends JetStreamError {
  constructor(
    /** The subject of the message. */
    readonly subject: string,
    reply: string,
  ) {
    super(
      `The message on "${subject}" was not delivered by a JetStream consumer: its reply subject is "${reply}". ` +
        'Read metadata only of messages that a consumer delivered.',
    );
  }
}

/**
 * The codec cannot encode a value. Thrown before anything is sent; the codec's own error is the `cause`.
 *
 * @remarks Pass another value, or use another codec.
 */
export class PayloadEncodingError extends JetStreamError {
  constructor(
    /** The name of the codec, such as `jsonCodec`, or its content type, such as `application/json`. */
    readonly codec: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `The payload cannot be encoded by ${codec}: ${problem}. Pass another value, or use another codec.`,
      options,
    );
  }
}

/**
 * The codec cannot decode a payload. The codec's own error is the `cause`.
 *
 * @remarks Read the payload with the codec that it was published with.
 */
export class PayloadDecodingError extends JetStreamError {
  constructor(
    /** The name of the codec, such as `jsonCodec`, or its content type, such as `application/json`. */
    readonly codec: string,
    /** What is wrong with the payload. */
    readonly problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `The payload cannot be decoded by ${codec}: ${problem}. Read it with the codec that it was published with.`,
      options,
    );
  }
}

/**
 * The payload of a message does not match the schema of its contract. Thrown before anything is sent. A handler that
 * publishes such a message fails like with any other error, so its own message is retried.
 *
 * @remarks Correct the payload as `problem` says, or the schema of the message.
 */
export class InvalidMessageError extends JetStreamError {
  constructor(
    /** The name of the message's contract. */
    readonly contract: string,
    /** The subject of the message. */
    readonly subject: string,
    /** The issues that the schema reported. */
    readonly problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `The message "${contract}" to "${subject}" is not sent because its payload is invalid: ${printable(problem)}. ` +
        'Correct the payload, or the schema of the message.',
      options,
    );
  }
}
