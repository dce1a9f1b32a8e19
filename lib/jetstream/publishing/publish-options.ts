import type { MsgHdrs } from '@nats-io/transport-node';
import type { Codec } from '../../codecs/index.js';
import type { PubAck } from './pub-ack.js';

/** Headers of a message: the client's own class, or a plain object. What is given is never changed. */
export type PublishHeaders = MsgHdrs | Readonly<Record<string, string | readonly string[]>>;

/** A message to publish. */
export interface OutgoingMessage {
  /** The subject, without wildcards. */
  readonly subject: string;
  /** A `Uint8Array` goes as it is, a string as UTF-8 text, any other value through the codec; left out: empty. */
  readonly data?: unknown;
  readonly headers?: PublishHeaders | undefined;
}

/** What must be true of the stream for it to take the message; it refuses the message otherwise. */
export interface PublishExpectations {
  /** The name of the stream. Else {@link WrongStreamError}. */
  readonly stream?: string | undefined;
  /** The sequence of the stream's last message, 0 where it must be empty. Else {@link WrongLastSequenceError}. */
  readonly lastSequence?: number | undefined;
  /** The sequence of the subject's last message, 0 where it must have none. Else {@link WrongLastSequenceError}. */
  readonly lastSubjectSequence?: number | undefined;
  /**
   * The subject that `lastSubjectSequence` is about, where it is not the message's own; may have wildcards
   * (nats-server 2.11).
   */
  readonly lastSubjectSequenceSubject?: string | undefined;
  /** The id of the stream's last message. Else {@link WrongLastMessageIdError}. */
  readonly lastMessageId?: string | undefined;
}

/** When and where a scheduled message is published by the server (nats-server 2.12, ADR-51). */
export type Schedule = {
  /** The subject that the server publishes to; of the same stream as the schedule. */
  readonly target: string;
  /** How long what the server publishes lives, in milliseconds (whole seconds), or `'never'` to outlive `maxAge`. */
  readonly ttl?: number | 'never' | undefined;
  /** Publish the last message of this subject instead of the schedule's own payload (nats-server 2.14). */
  readonly source?: string | undefined;
} & (
  | {
      /** Once, at that time. */
      readonly at: Date;
    }
  | {
      /** Again and again, every so many milliseconds; at least 1,000 (nats-server 2.14). */
      readonly every: number;
    }
  | {
      /** By a cron expression of six fields (seconds first), or `@hourly` and the like (nats-server 2.14). */
      readonly cron: string;
      /** The IANA time zone of the expression, such as `Europe/Amsterdam`. Default UTC. */
      readonly timeZone?: string | undefined;
    }
);

/** How often and when a publish that no stream answered is repeated. */
export interface PublishRetry {
  /** Milliseconds between attempts. Default 250. */
  readonly wait?: number | undefined;
  /** How often it is repeated after the first attempt; 0 for never. Default 2. */
  readonly attempts?: number | undefined;
}

/** What may be said of a message however it is published. */
export interface MessageOptions {
  /** Added to the message's own headers; replaces those of the same name. */
  readonly headers?: PublishHeaders | undefined;
  /** The message's id: the stream stores a message of the same id once within its duplicates window (2 minutes). */
  readonly messageId?: string | undefined;
  /**
   * Gives the message an id where it has none, so that it can be sent again while its outcome is unknown: after a
   * reconnect, and once at half of its timeout. An id costs the server some 200 bytes of memory for the duplicates window,
   * and a good half more time. Default: `publish.idempotent`.
   */
  readonly idempotent?: boolean | undefined;
  readonly expect?: PublishExpectations | undefined;
  /**
   * How long the message lives, in milliseconds (whole seconds), or `'never'` to outlive the stream's `maxAge`
   * (nats-server 2.11, ADR-43). The stream must have `allowMessageTtl`; else {@link StreamFeatureDisabledError}.
   */
  readonly ttl?: number | 'never' | undefined;
  /**
   * Makes the message a schedule of others (nats-server 2.12, ADR-51). A subject holds one schedule: its last message.
   * The stream must have `allowMessageSchedules`; else {@link StreamFeatureDisabledError}.
   */
  readonly schedule?: Schedule | undefined;
  /** Makes the payload of a value instead of the module's codec, and is named in the `Content-Type` header. */
  readonly codec?: Codec | undefined;
}

/** One message of an atomic batch. */
export interface BatchMessage
  extends OutgoingMessage, Pick<MessageOptions, 'messageId' | 'expect' | 'ttl' | 'schedule' | 'codec'> {}

/** How long to wait for acknowledgements, and what to do without. */
export interface DeliveryOptions {
  readonly retry?: PublishRetry | undefined;
  /** How long to wait for the acknowledgement, retries included, in milliseconds. Default: `publish.timeout`. */
  readonly timeout?: number | undefined;
  /** Gives up waiting: the publish fails with the signal's reason. What was sent may be stored all the same. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of one publish. */
export interface PublishOptions extends MessageOptions, DeliveryOptions {}

/** Options of an increment. */
export interface IncrementOptions extends DeliveryOptions, Pick<MessageOptions, 'messageId' | 'idempotent'> {}

/** Defaults of a {@link Publisher}: the module option `publish`. */
export interface PublishDefaults {
  /** How long to wait for an acknowledgement, in milliseconds. Default: the connection's `jetstream.timeout`. */
  readonly timeout?: number | undefined;
  readonly retry?: PublishRetry | undefined;
  /** Gives every message without an id a generated one; see {@link MessageOptions.idempotent}. Default `false`. */
  readonly idempotent?: boolean | undefined;
  /** How many messages of `publishAsync` may be unacknowledged at a time, 100,000 at most. Default 4,000. */
  readonly maxPending?: number | undefined;
  /** How long a `publishAsync` waits for room in a full window, in milliseconds. Default 200. */
  readonly stallWait?: number | undefined;
  /** Hears of each message of `publishAsync` that was not acknowledged. */
  readonly onError?: ((error: Error, message: OutgoingMessage) => void) | undefined;
  /** Hears of each acknowledged message of `publishAsync`. */
  readonly onAck?: ((ack: PubAck, message: OutgoingMessage) => void) | undefined;
}
