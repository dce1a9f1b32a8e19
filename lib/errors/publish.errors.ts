import { JetStreamApiError, type ApiErrorBody } from './api.errors.js';
import { JetStreamError } from './jetstream.error.js';

/**
 * No stream stored the message: no stream listens on its subject, or JetStream did not answer in any attempt.
 *
 * @remarks Create a stream with that subject, and check that JetStream is enabled for the account.
 */
export class NoStreamResponseError extends JetStreamError {
  constructor(
    /** The subject published to. */
    readonly subject: string,
    /** The number of attempts. */
    readonly attempts: number,
    options?: ErrorOptions,
  ) {
    super(
      `No stream answered a publish to "${subject}" in ${attempts} attempts. Create a stream with that subject, ` +
        'and check that JetStream is enabled for the account.',
      options,
    );
  }
}

/**
 * The acknowledgement of a message did not arrive in time. If the message was sent, it is unknown whether it was
 * stored: with the same `messageId`, it is safe to publish it again within the stream's duplicates window; without a
 * message id it may be stored twice.
 *
 * @remarks Publish again with the same `messageId`. If `sent` is `false`, it is safe without an id too.
 */
export class PublishTimeoutError extends JetStreamError {
  constructor(
    /** The subject published to. */
    readonly subject: string,
    /** The deadline, in milliseconds. */
    readonly timeout: number,
    /** The id of the message; `undefined` if it has none. */
    readonly messageId: string | undefined,
    /** Whether the message was sent. It is not sent while the connection is down. */
    readonly sent: boolean,
    /** What to do if the message was sent without an id. */
    advice = 'Set a messageId, or idempotent: true, to be able to publish it again safely.',
  ) {
    super(`Publish to "${subject}": ${inWords(timeout, messageId, sent, advice)}`);
  }
}

function inWords(timeout: number, messageId: string | undefined, sent: boolean, advice: string): string {
  if (!sent)
    return `not sent because the connection was down for ${timeout} ms. It is safe to publish it again.`;
  const unknown = `no acknowledgement within ${timeout} ms; the message may or may not be stored.`;
  return messageId === undefined
    ? `${unknown} ${advice}`
    : `${unknown} It is safe to publish it again with the message id "${messageId}".`;
}

/**
 * The window of unacknowledged messages stayed full: the server stores messages more slowly than they are published.
 *
 * @remarks Await `publishAsyncReady()` before each publish, or raise `publish.maxPending` or `publish.stallWait`.
 */
export class TooManyStalledPublishesError extends JetStreamError {
  constructor(
    /** The subject of the message. The message was not sent. */
    readonly subject: string,
    /** The size of the window. */
    readonly maxPending: number,
    problem: string,
  ) {
    super(
      `Not published to "${subject}": ${maxPending} messages are waiting for their acknowledgements, and ${problem}. ` +
        'Await publishAsyncReady() before each publish, or raise publish.maxPending or publish.stallWait.',
    );
  }
}

/**
 * The message is larger than the server's `max_payload`. Thrown before anything is sent.
 *
 * @remarks Raise `max_payload` in the configuration of the server, or put large payloads into an object store.
 */
export class PayloadTooLargeError extends JetStreamError {
  constructor(
    /** The subject of the message. */
    readonly subject: string,
    /** The size of payload and headers, in bytes. */
    readonly size: number,
    /** The limit of the server, in bytes. */
    readonly maximum: number,
    options?: ErrorOptions,
    /** The message text, for subclasses. */
    text = `A message of ${size} bytes to "${subject}" is larger than the server accepts (${maximum}). Raise max_payload in ` +
      'the server configuration, or put large payloads into an object store.',
  ) {
    super(text, options);
  }
}

/**
 * The response to a published message is not a valid acknowledgement, so it did not come from a stream.
 *
 * @remarks Check whether another service replies on that subject.
 */
export class InvalidPubAckError extends JetStreamError {
  constructor(
    /** The subject published to. */
    readonly subject: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `The reply to a publish to "${subject}" is not the acknowledgement of a stream: ${problem}. ` +
        'Check whether another service replies on that subject.',
      options,
    );
  }
}

/**
 * A stream refused a message. Subclasses stand for the codes that a caller can act on.
 *
 * @remarks Correct the message or the configuration of the stream as `description` says; if `status` is 500 or more,
 * check the stream and its servers, then publish again.
 */
export class PublishRefusedError extends JetStreamApiError {
  constructor(
    /** The subject published to. */
    readonly subject: string,
    body: ApiErrorBody,
    /** What to do. */
    advice = body.code >= 500
      ? 'Check the stream and its servers, then publish again.'
      : 'Correct the message or the configuration of the stream.',
  ) {
    // The server ends a description with a colon if the value that should follow is empty.
    const description = body.description?.replace(/:\s*$/, '') ?? `status ${body.code}`;
    super(
      body,
      `Publish to "${subject}" refused: ${description} (code ${body.err_code ?? body.code}). ${advice}`,
    );
  }
}

/**
 * The last sequence of the stream or of the subject was not the expected one (codes 10071, 10164).
 *
 * @remarks Read the current state, then decide.
 */
export class WrongLastSequenceError extends PublishRefusedError {
  /** The last sequence that the server reported; `undefined` if it reported none. */
  readonly lastSequence: number | undefined;

  constructor(subject: string, body: ApiErrorBody) {
    super(subject, body, 'Another client published in between: read the current state, then decide.');
    const sequence = /: (\d+)$/.exec(body.description ?? '')?.[1];
    this.lastSequence = sequence === undefined ? undefined : Number(sequence);
  }
}

/**
 * The id of the stream's last message is not `expect.lastMessageId` (code 10070).
 *
 * @remarks Read the last message of the stream, then decide.
 */
export class WrongLastMessageIdError extends PublishRefusedError {
  constructor(subject: string, body: ApiErrorBody) {
    super(subject, body, 'Read the last message of the stream, then decide.');
  }
}

/**
 * The stream that listens on the subject is not `expect.stream` (code 10060).
 *
 * @remarks Check which stream listens on the subject, or correct `expect.stream`.
 */
export class WrongStreamError extends PublishRefusedError {
  constructor(subject: string, body: ApiErrorBody) {
    super(subject, body, 'Check which stream listens on the subject, or correct expect.stream.');
  }
}

/**
 * The message is larger than the stream allows (`maxMessageSize`, code 10054).
 *
 * @remarks Raise `maxMessageSize` of the stream, or put large payloads into an object store.
 */
export class MaxMessageSizeExceededError extends PublishRefusedError {
  constructor(subject: string, body: ApiErrorBody) {
    super(subject, body, 'Raise maxMessageSize of the stream, or put large payloads into an object store.');
  }
}

/**
 * The stream reached its limit of messages or bytes and discards new messages (code 10077).
 *
 * @remarks Consume or purge messages, or raise the limits of the stream.
 */
export class StreamFullError extends PublishRefusedError {
  constructor(
    subject: string,
    body: ApiErrorBody,
    advice = 'Consume or purge messages, or raise the limits of the stream.',
  ) {
    super(subject, body, advice);
  }
}

/**
 * The server refused an atomic batch and stored none of its messages: the batch is incomplete (a message was lost with
 * the connection), too large, or contains a message id that is already stored (codes 10175 to 10201).
 *
 * @remarks Publish the whole batch again; split it if it is too large, and omit messages that are already stored.
 */
export class AtomicBatchRefusedError extends PublishRefusedError {
  constructor(subject: string, body: ApiErrorBody) {
    super(subject, body, `No message of the batch is stored: ${adviceOnBatch(body.err_code)}.`);
  }
}

function adviceOnBatch(code: number | undefined): string {
  switch (code) {
    case 10177:
      return 'omit the option that the description names, then publish the batch again';
    case 10199:
      return 'split the batch';
    case 10201:
      return 'omit the messages that are already stored, then publish the batch again';
    default:
      return 'publish the whole batch again';
  }
}

/**
 * The stream's configuration does not allow a feature that the message uses, such as a TTL.
 *
 * @remarks Set the option that `option` names to `true` in the configuration of the stream.
 */
export class StreamFeatureDisabledError extends PublishRefusedError {
  constructor(
    subject: string,
    body: ApiErrorBody,
    /** The option of the stream's configuration that enables the feature. */
    readonly option: string,
  ) {
    super(subject, body, `Set ${option}: true in the configuration of the stream.`);
  }
}

/**
 * Messages of an ingest did not reach the stream because a connection was lost, the server was overloaded, or they are
 * larger than the stream's `maxMessageSize`, which the server reports in the same way.
 *
 * @remarks Check the sizes of the messages from `from` to `to`, then publish them again.
 */
export class IngestGapError extends JetStreamError {
  constructor(
    /** A subject of the stream. */
    readonly subject: string,
    /** The number of the first lost message; an ingest numbers its messages from 1. */
    readonly from: number,
    /** The number of the last lost message. */
    readonly to: number,
  ) {
    super(
      `Messages ${from} to ${to} of an ingest to "${subject}" are not stored: they were lost in transit, or are larger than ` +
        "the stream's maxMessageSize. Check their sizes, then publish them again.",
    );
  }
}

/**
 * An ingest stopped before its end. The messages it stored remain stored; publish the rest with another ingest.
 *
 * @remarks Ingest the messages after the first `stored` ones.
 */
export class IngestInterruptedError extends JetStreamError {
  constructor(
    /** A subject of the stream. */
    readonly subject: string,
    /** The number of messages, counted from the first one without a gap, that are stored. */
    readonly stored: number,
    /** Whether exactly these messages are stored; if `false`, some of the following ones may be stored too. */
    readonly exact: boolean,
    options: { readonly cause: Error },
  ) {
    super(
      `An ingest to "${subject}" stopped: the first ${stored} messages are stored` +
        `${exact ? '' : ', and some of the following ones may be stored too'}. ${options.cause.message}`,
      options,
    );
  }
}
