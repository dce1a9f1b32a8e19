import type { MsgHdrs } from '@nats-io/transport-node';
import type { Codec } from '../../codecs/index.js';
import type { CallOptions } from '../api/index.js';
import type { PubAck } from './pub-ack.js';

/** Headers of a message: the client's own class, or a plain object. The given object is never modified. */
export type PublishHeaders = MsgHdrs | Readonly<Record<string, string | readonly string[]>>;

/** A message to publish. */
export interface OutgoingMessage {
  /** The subject, without wildcards. */
  readonly subject: string;
  /**
   * A `Uint8Array` is sent as it is, a string as UTF-8 text, any other value is encoded by the codec. Default: empty.
   */
  readonly data?: unknown;
  readonly headers?: PublishHeaders | undefined;
}

/** Conditions that the stream must meet to accept the message; otherwise it refuses the message. */
export interface PublishExpectations {
  /** The name of the stream. Otherwise {@link WrongStreamError}. */
  readonly stream?: string | undefined;
  /** The sequence of the stream's last message; 0 if it must be empty. Otherwise {@link WrongLastSequenceError}. */
  readonly lastSequence?: number | undefined;
  /** The sequence of the subject's last message; 0 if it must have none. Otherwise {@link WrongLastSequenceError}. */
  readonly lastSubjectSequence?: number | undefined;
  /** The subject for `lastSubjectSequence`, if it is not the message's own; may have wildcards (nats-server 2.11). */
  readonly lastSubjectSequenceSubject?: string | undefined;
  /** The id of the stream's last message. Otherwise {@link WrongLastMessageIdError}. */
  readonly lastMessageId?: string | undefined;
}

/** When and where a scheduled message is published by the server (nats-server 2.12, ADR-51). */
export type Schedule = {
  /** The subject that the server publishes to; of the same stream as the schedule. */
  readonly target: string;
  /**
   * The time to live of the published messages, in milliseconds (whole seconds), or `'never'` to exempt them from
   * `maxAge`.
   */
  readonly ttl?: number | 'never' | undefined;
  /** Publishes the last message of this subject instead of the schedule's own payload (nats-server 2.14). */
  readonly source?: string | undefined;
} & (
  | {
      /** Once, at this time. */
      readonly at: Date;
    }
  | {
      /** Repeatedly, at this interval in milliseconds; at least 1,000 (nats-server 2.14). */
      readonly every: number;
    }
  | {
      /** By a cron expression with six fields (seconds first), or a shorthand such as `@hourly` (nats-server 2.14). */
      readonly cron: string;
      /** The IANA time zone of the expression, such as `Europe/Amsterdam`. Default UTC. */
      readonly timeZone?: string | undefined;
    }
);

/** How often and when a publish is retried if no stream answers. */
export interface PublishRetry {
  /** Milliseconds between attempts. Default 250. */
  readonly wait?: number | undefined;
  /** The number of retries after the first attempt; 0 for none. Default 2. */
  readonly attempts?: number | undefined;
}

/** Options of a message, for all ways of publishing. */
export interface MessageOptions {
  /** Added to the message's own headers; replaces those with the same name. */
  readonly headers?: PublishHeaders | undefined;
  /** The message's id: the stream stores a message with the same id once within its duplicates window (2 minutes). */
  readonly messageId?: string | undefined;
  /**
   * Generates an id for a message without one, so that it can be sent again while its outcome is unknown: after a
   * reconnect, and with growing pauses while no acknowledgement arrives, first after an eighth of its timeout (at most
   * 1,000 ms; not while more than 1,000 requests are pending), and at half of its timeout. An id adds about 50 bytes to
   * the message, and costs the server about 200 bytes of memory for the duplicates window and up to twice the CPU
   * time. Default: `publish.idempotent`.
   */
  readonly idempotent?: boolean | undefined;
  readonly expect?: PublishExpectations | undefined;
  /**
   * The time to live of the message, in milliseconds (whole seconds), or `'never'` to exempt it from the stream's
   * `maxAge` (nats-server 2.11, ADR-43). The stream must have `allowMessageTtl`; otherwise
   * {@link StreamFeatureDisabledError}.
   */
  readonly ttl?: number | 'never' | undefined;
  /**
   * Makes the message a schedule for other messages (nats-server 2.12, ADR-51). A subject holds one schedule: its last
   * message. The stream must have `allowMessageSchedules`; otherwise {@link StreamFeatureDisabledError}.
   */
  readonly schedule?: Schedule | undefined;
  /** Encodes the payload instead of the module's codec, and is named in the `Content-Type` header. */
  readonly codec?: Codec | undefined;
}

/** One message of an atomic batch. */
export interface BatchMessage
  extends OutgoingMessage, Pick<MessageOptions, 'messageId' | 'expect' | 'ttl' | 'schedule' | 'codec'> {}

/** How long to wait for acknowledgements, and when to stop waiting. */
export interface DeliveryOptions extends CallOptions {
  readonly retry?: PublishRetry | undefined;
  /**
   * How long to wait for the acknowledgement, retries included, in milliseconds; not `Infinity`. Default:
   * `publish.timeout`.
   */
  readonly timeout?: number | undefined;
  /** Stops waiting: the publish fails with the signal's reason. A message that was already sent may still be stored. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of one publish. */
export interface PublishOptions extends MessageOptions, DeliveryOptions {}

/** Options of an increment. */
export interface IncrementOptions extends DeliveryOptions, Pick<MessageOptions, 'messageId' | 'idempotent'> {}

/** Headers that are added to every message. */
export type DefaultHeaders =
  PublishHeaders | ((message: { readonly subject: string }) => PublishHeaders | undefined);

/** Defaults for publishing: the module option `publish`. */
export interface PublishDefaults {
  /**
   * Headers of every message, such as the name of the application; or a function that is called for each message and
   * returns them, for example a correlation id or a tenant from an `AsyncLocalStorage`. Headers of a message replace
   * those with the same name. If the function throws, the publish fails with an {@link InvalidArgumentError}.
   */
  readonly headers?: DefaultHeaders | undefined;
  /** How long to wait for an acknowledgement, in milliseconds. Default: the connection's `jetstream.timeout`. */
  readonly timeout?: number | undefined;
  readonly retry?: PublishRetry | undefined;
  /** Gives every message without an id a generated one; see {@link MessageOptions.idempotent}. Default `false`. */
  readonly idempotent?: boolean | undefined;
  /** The maximum number of unacknowledged messages of `publishAsync`, at most 100,000. Default 4,000. */
  readonly maxPending?: number | undefined;
  /** How long a `publishAsync` waits for room in a full window, in milliseconds. Default 200. */
  readonly stallWait?: number | undefined;
  /** Called for each message of `publishAsync` that was not acknowledged. */
  readonly onError?: ((error: Error, message: OutgoingMessage) => void) | undefined;
  /** Called for each acknowledged message of `publishAsync`. */
  readonly onAck?: ((ack: PubAck, message: OutgoingMessage) => void) | undefined;
}
