import { JetStreamApiError, type ApiErrorBody } from './api.errors.js';
import { JetStreamError } from './jetstream.error.js';

/** No stream took the message: none listens on its subject, or JetStream did not answer in any attempt. */
export class NoStreamResponseError extends JetStreamError {
  constructor(
    /** The subject published to. */
    readonly subject: string,
    /** How often it was tried. */
    readonly attempts: number,
    options?: ErrorOptions,
  ) {
    super(
      `No stream answered a publish to "${subject}" in ${attempts} attempts: create a stream with that subject, ` +
        'and check that JetStream is enabled for the account.',
      options,
    );
  }
}

/**
 * The acknowledgement of a message did not come in time. Where the message was sent, whether it was stored is unknown:
 * publishing it again is safe with the same `messageId` within the stream's duplicates window, and may store it twice
 * without.
 */
export class PublishTimeoutError extends JetStreamError {
  constructor(
    /** The subject published to. */
    readonly subject: string,
    /** The deadline that passed, in milliseconds. */
    readonly timeout: number,
    /** The message's id, `undefined` where it had none. */
    readonly messageId: string | undefined,
    /** Whether the message was sent; it is not while the connection is down. */
    readonly sent: boolean,
  ) {
    super(`Publish to "${subject}": ${inWords(timeout, messageId, sent)}`);
  }
}

function inWords(timeout: number, messageId: string | undefined, sent: boolean): string {
  if (!sent) return `not sent, for the connection was down for ${timeout} ms.`;
  const unknown = `no acknowledgement within ${timeout} ms; the message may or may not be stored.`;
  return messageId === undefined
    ? `${unknown} With a messageId, or idempotent: true, it could be published again safely.`
    : `${unknown} It can be published again with the message id "${messageId}".`;
}

/** The window of unacknowledged messages stayed full: the server takes messages more slowly than they are published. */
export class TooManyStalledPublishesError extends JetStreamError {
  constructor(
    /** The subject that was to be published to. The message was not sent. */
    readonly subject: string,
    /** The size of the window. */
    readonly maxPending: number,
    problem: string,
  ) {
    super(
      `Not published to "${subject}": ${maxPending} messages wait for their acknowledgement and ${problem}. ` +
        'Await publishAsyncReady() before each publish, or raise publish.maxPending or publish.stallWait.',
    );
  }
}

/** The message is larger than the server takes (`max_payload`). Raised before anything is sent. */
export class PayloadTooLargeError extends JetStreamError {
  constructor(
    /** The subject that was to be published to. */
    readonly subject: string,
    /** The size of payload and headers, in bytes. */
    readonly size: number,
    /** What the server takes, in bytes. */
    readonly maximum: number,
    options?: ErrorOptions,
    /** The text of a subclass. */
    text = `A message of ${size} bytes to "${subject}" is larger than the server takes (${maximum}): raise max_payload in ` +
      'the server configuration, or put large payloads into an object store.',
  ) {
    super(text, options);
  }
}

/** The acknowledgement of a message could not be read: what answered is no stream. */
export class InvalidPubAckError extends JetStreamError {
  constructor(
    /** The subject published to. */
    readonly subject: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `What answered a publish to "${subject}" is no acknowledgement of a stream: ${problem}. ` +
        'Does something else reply on that subject?',
      options,
    );
  }
}

/** A stream refused a message. Subclasses stand for the codes that a caller can act on. */
export class PublishRefusedError extends JetStreamApiError {
  constructor(
    /** The subject published to. */
    readonly subject: string,
    body: ApiErrorBody,
    advice = '',
  ) {
    super(
      body,
      `Publish to "${subject}" refused: ${body.description ?? `status ${body.code}`} ` +
        `(code ${body.err_code ?? body.code})${advice}`,
    );
  }
}

/** The last sequence of the stream or of the subject was not the expected one (codes 10071, 10164). */
export class WrongLastSequenceError extends PublishRefusedError {
  /** The last sequence as the server gave it, `undefined` where it gave none. */
  readonly lastSequence: number | undefined;

  constructor(subject: string, body: ApiErrorBody) {
    super(subject, body, '. Somebody else wrote in between: read again, then decide anew.');
    const sequence = /: (\d+)$/.exec(body.description ?? '')?.[1];
    this.lastSequence = sequence === undefined ? undefined : Number(sequence);
  }
}

/** The last message of the stream had another id than `expect.lastMessageId` (code 10070). */
export class WrongLastMessageIdError extends PublishRefusedError {}

/** The stream that listens on the subject is another than `expect.stream` (code 10060). */
export class WrongStreamError extends PublishRefusedError {}

/** The message is larger than the stream takes (`maxMessageSize`, code 10054). */
export class MaximumMessageSizeError extends PublishRefusedError {}

/** The stream is full and discards new messages: its limits of messages or bytes are reached (code 10077). */
export class StreamFullError extends PublishRefusedError {}

/**
 * An atomic batch was refused as a whole, and none of its messages is stored: it is incomplete (a message was lost with
 * the connection), too large, or holds a message id that is stored already (codes 10175 to 10201).
 */
export class AtomicBatchRefusedError extends PublishRefusedError {}

/** The stream's configuration does not allow what the message asks for, such as a TTL. */
export class StreamFeatureDisabledError extends PublishRefusedError {
  constructor(
    subject: string,
    body: ApiErrorBody,
    /** The option of the stream's configuration that allows it. */
    readonly option: string,
  ) {
    super(subject, body, `. Set ${option}: true in the configuration of the stream.`);
  }
}

/** Messages of an ingest did not reach the stream: they were lost with a connection, or the server was overrun. */
export class IngestGapError extends JetStreamError {
  constructor(
    /** A subject of the stream. */
    readonly subject: string,
    /** The first lost message; the ingest's first message is number 1. */
    readonly from: number,
    /** The last lost message. */
    readonly to: number,
  ) {
    super(`Messages ${from} to ${to} of an ingest to "${subject}" were lost on their way.`);
  }
}

/** An ingest stopped before its end. What it stored stays stored; publish the rest with another ingest. */
export class IngestInterruptedError extends JetStreamError {
  constructor(
    /** A subject of the stream. */
    readonly subject: string,
    /** That many messages, from the first on and without a gap, are stored. */
    readonly stored: number,
    /** Whether no more than those are stored; where `false`, some of the following may be. */
    readonly exact: boolean,
    options: { readonly cause: Error },
  ) {
    super(
      `An ingest to "${subject}" stopped: the first ${stored} messages are stored` +
        `${exact ? '' : ', and some of the following may be'}. ${options.cause.message}`,
      options,
    );
  }
}
