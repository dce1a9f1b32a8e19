import { JetStreamError } from './jetstream.error.js';

/** The message was already settled when a handler called `ack`, `nak`, `term` or declared it in progress. */
export class MessageAlreadySettledError extends JetStreamError {
  constructor(
    /** The subject of the message. */
    readonly subject: string,
  ) {
    super(`The message on "${subject}" is already settled. Call ack, nak or term only once.`);
  }
}

/** The metadata of a message was requested that was not delivered by a JetStream consumer. */
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

/** The codec cannot encode a value. Thrown before anything is sent; the codec's own error is the `cause`. */
export class PayloadEncodingError extends JetStreamError {
  constructor(
    /** The codec, such as `jsonCodec`. */
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

/** The codec cannot decode a payload. The codec's own error is the `cause`. */
export class PayloadDecodingError extends JetStreamError {
  constructor(
    /** The codec, such as `jsonCodec`. */
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
