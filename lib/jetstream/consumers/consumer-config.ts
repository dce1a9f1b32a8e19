import type { Defined } from '../../validation/index.js';
import type { RawFields } from '../api/index.js';

/** Where in the stream a consumer starts. */
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

/** What an acknowledgement covers. */
export const AckPolicy = {
  /** Each message is acknowledged by itself. The default. */
  Explicit: 'explicit',
  /** One acknowledgement covers all messages before it. */
  All: 'all',
  /** Nothing is acknowledged. */
  None: 'none',
  /** Flow control acknowledges, for durable mirrors and sources (ADR-60). nats-server 2.14. */
  FlowControl: 'flow_control',
} as const;
export type AckPolicy = (typeof AckPolicy)[keyof typeof AckPolicy];

/** How fast stored messages are delivered. */
export const ReplayPolicy = {
  /** As fast as possible. The default. */
  Instant: 'instant',
  /** At the pace in which they were published. */
  Original: 'original',
} as const;
export type ReplayPolicy = (typeof ReplayPolicy)[keyof typeof ReplayPolicy];

/** Which of several clients of one consumer gets a message (ADR-42). */
export const PriorityPolicy = {
  /** Any. The default. */
  None: 'none',
  /** One client, until it goes away. nats-server 2.11. */
  PinnedClient: 'pinned_client',
  /** Clients with a `minPending` or `minAckPending` only when that much is waiting. nats-server 2.11. */
  Overflow: 'overflow',
  /** The client with the lowest `priority`. nats-server 2.12. */
  Prioritized: 'prioritized',
} as const;
export type PriorityPolicy = (typeof PriorityPolicy)[keyof typeof PriorityPolicy];

/** What pull and push consumers have in common. */
export interface BaseConsumerConfig {
  /** Default: `durable`, or a generated one. No spaces, `.`, `*`, `>`, `/`, `\`. */
  readonly name?: string | undefined;
  /** A name under which the consumer outlives its clients. Where `name` is given too, it must be the same. */
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
  /** How often a message is delivered at most. Default -1, no limit. */
  readonly maxDeliver?: number | undefined;
  /**
   * How long to wait for each acknowledgement, in milliseconds, instead of `ackWait`: the first for the first delivery,
   * the last for all further ones. Not longer than `maxDeliver`. A `nak` is not slowed down by it.
   */
  readonly backoff?: readonly number[] | undefined;
  /** Only messages whose subject matches. Not together with `filterSubjects`. */
  readonly filterSubject?: string | undefined;
  /** Only messages whose subject matches one of these, which must not overlap. Several: nats-server 2.10. */
  readonly filterSubjects?: readonly string[] | undefined;
  /** Default `instant`. */
  readonly replayPolicy?: ReplayPolicy | undefined;
  /** How many bits a second are delivered at most; push consumers only. */
  readonly rateLimitBps?: number | undefined;
  /** How many acknowledgements are sampled, such as `50%`. */
  readonly sampleFrequency?: string | undefined;
  /** How many messages may wait for their acknowledgement before delivery stops. Default 1,000; -1: no limit. */
  readonly maxAckPending?: number | undefined;
  /** Messages come without payload, with its size in a `Nats-Msg-Size` header. */
  readonly headersOnly?: boolean | undefined;
  /** After how many milliseconds without a client the server removes the consumer. Default: never if durable, else 5,000. */
  readonly inactiveThreshold?: number | undefined;
  /** How many servers hold its state. Default 0: as many as hold the stream. */
  readonly replicas?: number | undefined;
  /** Keeps its state in memory, whatever the stream's storage. */
  readonly memoryStorage?: boolean | undefined;
  /** Pairs of the application; keys that begin with `_nats` are the server's. nats-server 2.10. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Delivers nothing until then. nats-server 2.11. */
  readonly pauseUntil?: Date | undefined;
  /** Server fields that this version does not know, under the server's own names. */
  readonly raw?: RawFields | undefined;
}

/** The configuration of a pull consumer. Durations are in milliseconds, sizes in bytes; defaults are the server's. */
export interface ConsumerConfig extends BaseConsumerConfig {
  /** How many pull requests may wait. Default 512. */
  readonly maxWaiting?: number | undefined;
  /** How many messages one pull request may ask for. Default 0, no limit. */
  readonly maxRequestBatch?: number | undefined;
  /** How long one pull request may wait, in milliseconds. Default 0, no limit. */
  readonly maxRequestExpires?: number | undefined;
  /** How many bytes one pull request may ask for. Default 0, no limit. */
  readonly maxRequestMaxBytes?: number | undefined;
  /** Default `none`. nats-server 2.11; `prioritized` 2.12. */
  readonly priorityPolicy?: PriorityPolicy | undefined;
  /** The groups that clients may pull in. nats-server 2.11. */
  readonly priorityGroups?: readonly string[] | undefined;
  /** After how many milliseconds without a pull a pinned client loses its place. Default 120,000. nats-server 2.11. */
  readonly pinnedTtl?: number | undefined;
  readonly deliverSubject?: undefined;
}

/** The configuration of a push consumer. Durations are in milliseconds, sizes in bytes; defaults are the server's. */
export interface PushConsumerConfig extends BaseConsumerConfig {
  /** Where messages are delivered. */
  readonly deliverSubject: string;
  /** The queue group that shares them. */
  readonly deliverGroup?: string | undefined;
  /** The server waits for the client when too much is under way. Needs `idleHeartbeat`. */
  readonly flowControl?: boolean | undefined;
  /** After how many milliseconds of silence the server sends a heartbeat. */
  readonly idleHeartbeat?: number | undefined;
}

/** What always has a value in a configuration that the server reports. */
type Stored = Defined<Pick<BaseConsumerConfig, 'deliverPolicy' | 'ackPolicy' | 'replayPolicy'>>;

/** The configuration of a pull consumer as the server reports it. */
export type StoredPullConsumerConfig = ConsumerConfig & Stored;

/** The configuration of a push consumer as the server reports it. */
export type StoredPushConsumerConfig = PushConsumerConfig & Stored;

/** A configuration as the server reports it; `deliverSubject` tells of which kind it is. */
export type StoredConsumerConfig = StoredPullConsumerConfig | StoredPushConsumerConfig;
