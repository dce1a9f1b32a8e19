import type { Defined } from '../../validation/index.js';
import type { RawFields } from '../api/index.js';

/** The position in the stream at which a consumer starts. */
export const DeliverPolicy = {
  /** At the first message. The default. */
  All: 'all',
  /** At the last message. */
  Last: 'last',
  /** At the next message that is published. */
  New: 'new',
  /** At `startSequence`. */
  ByStartSequence: 'by_start_sequence',
  /** At `startTime`. */
  ByStartTime: 'by_start_time',
  /** At the last message of each subject. */
  LastPerSubject: 'last_per_subject',
} as const;
export type DeliverPolicy = (typeof DeliverPolicy)[keyof typeof DeliverPolicy];

/** Which messages an acknowledgement covers. */
export const AckPolicy = {
  /** Each message is acknowledged individually. The default. */
  Explicit: 'explicit',
  /** One acknowledgement covers all messages before it. */
  All: 'all',
  /** Messages are not acknowledged. */
  None: 'none',
  /** Flow-control replies acknowledge messages, for durable mirrors and sources (ADR-60). nats-server 2.14. */
  FlowControl: 'flow_control',
} as const;
export type AckPolicy = (typeof AckPolicy)[keyof typeof AckPolicy];

/** How fast stored messages are delivered. */
export const ReplayPolicy = {
  /** As fast as possible. The default. */
  Instant: 'instant',
  /** At the rate at which they were published. */
  Original: 'original',
} as const;
export type ReplayPolicy = (typeof ReplayPolicy)[keyof typeof ReplayPolicy];

/** Which of several clients of one consumer receives a message (ADR-42). */
export const PriorityPolicy = {
  /** Any client. The default. */
  None: 'none',
  /**
   * One client, until it has not pulled for `pinnedTtl`, for example because it has disconnected, or until it is
   * unpinned. nats-server 2.11.
   */
  PinnedClient: 'pinned_client',
  /**
   * Clients with a `minPending` or `minAckPending` only if at least that many messages are pending. nats-server 2.11.
   */
  Overflow: 'overflow',
  /** The client with the lowest `priority`. nats-server 2.12. */
  Prioritized: 'prioritized',
} as const;
export type PriorityPolicy = (typeof PriorityPolicy)[keyof typeof PriorityPolicy];

/** The options that pull and push consumers share. */
export interface BaseConsumerConfig {
  /** Default: `durable`, or a generated one. No spaces, `.`, `*`, `>`, `/`, `\`. */
  readonly name?: string | undefined;
  /** A name that makes the consumer durable: it outlives its clients. If `name` is also set, it must be the same. */
  readonly durable?: string | undefined;
  readonly description?: string | undefined;
  /** Default `all`. Only on creation. */
  readonly deliverPolicy?: DeliverPolicy | undefined;
  /** With deliverPolicy `by_start_sequence`. */
  readonly startSequence?: number | undefined;
  /** With deliverPolicy `by_start_time`. */
  readonly startTime?: Date | undefined;
  /** Default `explicit`. Only on creation. */
  readonly ackPolicy?: AckPolicy | undefined;
  /** How long the server waits for an acknowledgement before it delivers a message again, in milliseconds. Default 30,000. */
  readonly ackWait?: number | undefined;
  /** The maximum number of deliveries of a message. Default -1, no limit. */
  readonly maxDeliver?: number | undefined;
  /**
   * How long to wait for each acknowledgement, in milliseconds: the first value applies to the first delivery, the last
   * one also to all further deliveries. The server replaces `ackWait` by the first value. There must not be more values
   * than `maxDeliver`. They do not delay the redelivery after a `nak`.
   */
  readonly backoff?: readonly number[] | undefined;
  /** Only messages whose subject matches. Not together with `filterSubjects`. */
  readonly filterSubject?: string | undefined;
  /** Only messages whose subject matches one of these, which must not overlap. Several: nats-server 2.10. */
  readonly filterSubjects?: readonly string[] | undefined;
  /** Default `instant`. */
  readonly replayPolicy?: ReplayPolicy | undefined;
  /** The maximum delivery rate in bits per second; push consumers only. */
  readonly rateLimitBps?: number | undefined;
  /** The percentage of acknowledgements that are sampled, such as `50%`. */
  readonly sampleFrequency?: string | undefined;
  /** The maximum number of unacknowledged messages before delivery stops. Default 1,000; -1: no limit. */
  readonly maxAckPending?: number | undefined;
  /** Delivers messages without payload; its size is in a `Nats-Msg-Size` header. */
  readonly headersOnly?: boolean | undefined;
  /**
   * How long a consumer may be without a client before the server removes it, in milliseconds. Default: unlimited for
   * durable consumers, otherwise 5,000.
   */
  readonly inactiveThreshold?: number | undefined;
  /** The number of servers that store its state. Default 0: the same as the stream. */
  readonly replicas?: number | undefined;
  /** Stores its state in memory, regardless of the stream's storage. */
  readonly memoryStorage?: boolean | undefined;
  /** Key-value pairs of the application; keys that begin with `_nats` are reserved for the server. nats-server 2.10. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Pauses delivery until this time. nats-server 2.11. */
  readonly pauseUntil?: Date | undefined;
  /** Server fields that this version does not know, under the server's own names. */
  readonly raw?: RawFields | undefined;
}

/** The configuration of a pull consumer. Durations are in milliseconds, sizes in bytes; defaults are the server's. */
export interface ConsumerConfig extends BaseConsumerConfig {
  /** The maximum number of waiting pull requests. Default 512. */
  readonly maxWaiting?: number | undefined;
  /** The maximum number of messages of one pull request. Default 0, no limit. */
  readonly maxRequestBatch?: number | undefined;
  /** The maximum expiry of one pull request, in milliseconds. Default 0, no limit. */
  readonly maxRequestExpires?: number | undefined;
  /** The maximum number of bytes of one pull request. Default 0, no limit. */
  readonly maxRequestMaxBytes?: number | undefined;
  /** Default `none`. nats-server 2.11; `prioritized` 2.12. */
  readonly priorityPolicy?: PriorityPolicy | undefined;
  /** The groups that clients may pull in. nats-server 2.11. */
  readonly priorityGroups?: readonly string[] | undefined;
  /**
   * How long after its last pull request a pinned client is unpinned, in milliseconds; the same applies to one that has
   * disconnected. Default 120,000. nats-server 2.11.
   */
  readonly pinnedTtl?: number | undefined;
  readonly deliverSubject?: undefined;
}

/** The configuration of a push consumer. Durations are in milliseconds, sizes in bytes; defaults are the server's. */
export interface PushConsumerConfig extends BaseConsumerConfig {
  /** The subject to which messages are delivered. */
  readonly deliverSubject: string;
  /** The queue group that shares the messages. */
  readonly deliverGroup?: string | undefined;
  /** The server waits for the client if too many bytes are in flight. Needs `idleHeartbeat`. */
  readonly flowControl?: boolean | undefined;
  /** The interval after which an idle server sends a heartbeat, in milliseconds. */
  readonly idleHeartbeat?: number | undefined;
}

/** The options that always have a value in a configuration that the server reports. */
type Stored = Defined<Pick<BaseConsumerConfig, 'deliverPolicy' | 'ackPolicy' | 'replayPolicy'>>;

/** The configuration of a pull consumer as the server reports it. */
export type StoredPullConsumerConfig = ConsumerConfig & Stored;

/** The configuration of a push consumer as the server reports it. */
export type StoredPushConsumerConfig = PushConsumerConfig & Stored;

/** A configuration as the server reports it; `deliverSubject` distinguishes the two kinds. */
export type StoredConsumerConfig = StoredPullConsumerConfig | StoredPushConsumerConfig;
