import type { Defined } from '../../validation/index.js';
import type { RawFields } from '../api/index.js';

/** How long a stream keeps messages. */
export const RetentionPolicy = {
  /** Until a limit is reached. The default. */
  Limits: 'limits',
  /** Until every consumer whose filter matches has acknowledged. */
  Interest: 'interest',
  /** Until one consumer has acknowledged. */
  WorkQueue: 'workqueue',
} as const;
export type RetentionPolicy = (typeof RetentionPolicy)[keyof typeof RetentionPolicy];

/** Which messages are discarded when a limit is reached. */
export const DiscardPolicy = {
  /** The oldest. The default. */
  Old: 'old',
  /** The new ones: publishing is refused. */
  New: 'new',
} as const;
export type DiscardPolicy = (typeof DiscardPolicy)[keyof typeof DiscardPolicy];

/** The storage of a stream. */
export const StorageType = {
  /** On disk. The default. */
  File: 'file',
  /** In the server's memory: lost when the server stops. */
  Memory: 'memory',
} as const;
export type StorageType = (typeof StorageType)[keyof typeof StorageType];

/** How stored messages are compressed. */
export const StoreCompression = {
  /** Not at all. The default. */
  None: 'none',
  S2: 's2',
} as const;
export type StoreCompression = (typeof StoreCompression)[keyof typeof StoreCompression];

/** When a stored message is flushed to disk. */
export const PersistMode = {
  /** Before the publisher gets its acknowledgement. */
  Default: 'default',
  /** Some time afterwards: faster, but if the server is killed, acknowledged messages may be lost. */
  Async: 'async',
} as const;
export type PersistMode = (typeof PersistMode)[keyof typeof PersistMode];

/** Maps subjects of one pattern to another (ADR-30 lists the functions for destinations). */
export interface SubjectTransform {
  /** The subjects to map, with wildcards. */
  readonly source?: string | undefined;
  /** The new subject, such as `eu.{{wildcard(1)}}`. */
  readonly destination: string;
  readonly raw?: RawFields | undefined;
}

/** Publishes each stored message again on another subject (ADR-28). */
export interface Republish {
  /** The subjects to republish. Default: all. */
  readonly source?: string | undefined;
  /** The subject to publish on, such as `live.>`. */
  readonly destination: string;
  /** Without payloads. Default `false`. */
  readonly headersOnly?: boolean | undefined;
  readonly raw?: RawFields | undefined;
}

/** The placement of a stream in a cluster. */
export interface Placement {
  readonly cluster?: string | undefined;
  /** Tags that its servers must have. */
  readonly tags?: readonly string[] | undefined;
  readonly raw?: RawFields | undefined;
}

/** A stream in another account or domain. */
export interface ExternalStream {
  /** The prefix of the JetStream API there, such as `$JS.hub.API`. */
  readonly apiPrefix: string;
  /** The prefix of the subjects that messages are delivered on. */
  readonly deliverPrefix?: string | undefined;
  readonly raw?: RawFields | undefined;
}

/** A durable push consumer, created beforehand to feed a mirror or source, with ackPolicy `flow_control` (ADR-60). */
export interface StreamConsumerSource {
  readonly name: string;
  /** The consumer's `deliverSubject`. */
  readonly deliverSubject: string;
  readonly raw?: RawFields | undefined;
}

/** Another stream whose messages are copied into this one. */
export interface StreamSource {
  /** The name of the other stream. */
  readonly name: string;
  /** The sequence to start at. */
  readonly startSequence?: number | undefined;
  /** The time to start at. */
  readonly startTime?: Date | undefined;
  /** Only messages whose subjects match. */
  readonly filterSubject?: string | undefined;
  /** Filters and maps subjects; not together with `filterSubject`. nats-server 2.10. */
  readonly subjectTransforms?: readonly SubjectTransform[] | undefined;
  /** The location of the other stream, if it is not in this account and domain. Not together with `domain`. */
  readonly external?: ExternalStream | undefined;
  /** The JetStream domain of the other stream: short for `external: { apiPrefix: '$JS.<domain>.API' }`. */
  readonly domain?: string | undefined;
  /** Reads through an existing consumer. nats-server 2.14. */
  readonly consumer?: StreamConsumerSource | undefined;
  readonly raw?: RawFields | undefined;
}

/** Limits and defaults for the consumers of a stream. */
export interface StreamConsumerLimits {
  /** In milliseconds. */
  readonly inactiveThreshold?: number | undefined;
  readonly maxAckPending?: number | undefined;
  readonly raw?: RawFields | undefined;
}

/**
 * The configuration of a stream. Durations are in milliseconds, sizes in bytes. Defaults are those of the server.
 *
 * @see ADR-2 and https://docs.nats.io/nats-concepts/jetstream/streams
 */
export interface StreamConfig {
  /** Unique in the account; no spaces, `.`, `*`, `>`, `/`, `\`. */
  readonly name: string;
  readonly description?: string | undefined;
  /** The subjects that the stream listens on, wildcards included. Default: its name. Not together with `mirror`. */
  readonly subjects?: readonly string[] | undefined;
  /** Default `limits`. */
  readonly retention?: RetentionPolicy | undefined;
  /** The maximum number of consumers. Default -1, no limit. */
  readonly maxConsumers?: number | undefined;
  /** The maximum number of messages. Default -1, no limit. */
  readonly maxMessages?: number | undefined;
  /** The maximum number of messages of each subject. Default -1, no limit. */
  readonly maxMessagesPerSubject?: number | undefined;
  /** The maximum size of all messages, in bytes. Default -1, no limit. */
  readonly maxBytes?: number | undefined;
  /** The maximum age of messages, in milliseconds. Default 0, no limit. */
  readonly maxAge?: number | undefined;
  /** The maximum size of a message, headers included, in bytes. Default -1, the server's `max_payload`. */
  readonly maxMessageSize?: number | undefined;
  /** Default `old`. */
  readonly discard?: DiscardPolicy | undefined;
  /** With discard `new` and `maxMessagesPerSubject`: refuses new messages of a full subject. */
  readonly discardNewPerSubject?: boolean | undefined;
  /** Default `file`. */
  readonly storage?: StorageType | undefined;
  /** The number of servers that store a copy, 1 to 5. Default 1. */
  readonly replicas?: number | undefined;
  /** Does not acknowledge published messages: the publish methods of this library then time out. Default `false`. */
  readonly noAck?: boolean | undefined;
  /** How long message ids are remembered, in milliseconds. Default 120,000, or `maxAge` if that is shorter. */
  readonly duplicateWindow?: number | undefined;
  readonly placement?: Placement | undefined;
  /** Makes the stream a read-only copy of another. */
  readonly mirror?: StreamSource | undefined;
  /** Streams whose messages are copied into this one. */
  readonly sources?: readonly StreamSource[] | undefined;
  /**
   * No messages can be added or removed, neither by limits nor by the API. Cannot be undone; can only be set by an
   * update.
   */
  readonly sealed?: boolean | undefined;
  /** Messages cannot be deleted. Cannot be undone. */
  readonly denyDelete?: boolean | undefined;
  /** The stream cannot be purged. Cannot be undone. */
  readonly denyPurge?: boolean | undefined;
  /** Allows messages with a `Nats-Rollup` header, which replace all messages before them. */
  readonly allowRollup?: boolean | undefined;
  /** Messages may be read from any replica (ADR-31). Default `false`. */
  readonly allowDirect?: boolean | undefined;
  /** For a mirror: it answers direct reads for its origin. */
  readonly mirrorDirect?: boolean | undefined;
  readonly republish?: Republish | undefined;
  /** Default `none`. nats-server 2.10. */
  readonly compression?: StoreCompression | undefined;
  /** The sequence of the first message. Only on creation. nats-server 2.10. */
  readonly firstSequence?: number | undefined;
  /** Maps subjects before messages are stored. nats-server 2.10. */
  readonly subjectTransform?: SubjectTransform | undefined;
  /** nats-server 2.10. */
  readonly consumerLimits?: StreamConsumerLimits | undefined;
  /** Key-value pairs of the application; keys that begin with `_nats` are reserved for the server. nats-server 2.10. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Allows messages with their own time to live. Cannot be switched off. nats-server 2.11. */
  readonly allowMessageTtl?: boolean | undefined;
  /**
   * Stores a marker for this time, in milliseconds, when limits remove the last message of a subject. nats-server 2.11.
   */
  readonly subjectDeleteMarkerTtl?: number | undefined;
  /** Makes every subject a counter (ADR-49). Only on creation. nats-server 2.12. */
  readonly allowMessageCounter?: boolean | undefined;
  /** Allows atomic batches (ADR-50). nats-server 2.12. */
  readonly allowAtomicPublish?: boolean | undefined;
  /** Allows messages with a schedule (ADR-51). nats-server 2.12. */
  readonly allowMessageSchedules?: boolean | undefined;
  /** Default `default`. Only on creation. nats-server 2.12. */
  readonly persistMode?: PersistMode | undefined;
  /** Allows fast-ingest batches. nats-server 2.14. */
  readonly allowBatchPublish?: boolean | undefined;
  /** Server fields that this version does not know, under the server's own names. */
  readonly raw?: RawFields | undefined;
}

/** A configuration as the server reports it, with values for the options that always have one. */
export type StoredStreamConfig = StreamConfig &
  Defined<
    Pick<
      StreamConfig,
      | 'retention'
      | 'maxConsumers'
      | 'maxMessages'
      | 'maxMessagesPerSubject'
      | 'maxBytes'
      | 'maxAge'
      | 'discard'
      | 'storage'
      | 'replicas'
      | 'sealed'
      | 'denyDelete'
      | 'denyPurge'
      | 'allowRollup'
      | 'allowDirect'
      | 'mirrorDirect'
    >
  >;
