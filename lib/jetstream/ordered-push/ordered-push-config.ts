import { toNanosAtMost } from '../../timing/index.js';

/** The message at which an ordered push consumer starts. */
export type OrderedPushStart =
  | { readonly policy: 'all' | 'last' | 'last_per_subject' | 'new' }
  /** From this sequence of the stream on. */
  | { readonly startSequence: number };

/** The options of an {@link OrderedPush}. */
export interface OrderedPushConfig {
  readonly stream: string;
  /** The subjects to read; several need nats-server 2.10. Default: all. */
  readonly filterSubjects?: readonly string[] | undefined;
  /** The start position. Default: the first message. `last_per_subject` needs `filterSubjects`. */
  readonly start?: OrderedPushStart | undefined;
  /** Delivers headers, and the size of the payload in `Nats-Msg-Size`, but no payload. */
  readonly headersOnly?: boolean | undefined;
  /**
   * From the information about the stream. If it is given, a stream that was deleted and created again under the same
   * name is always detected; otherwise only while it is shorter than the delivered part.
   */
  readonly origin?: StreamOrigin | undefined;
  /**
   * Checks before the first message whether `start` is a sequence of this stream. If the stream was not created at
   * that time, delivery starts from the beginning. If the stream ends before the sequence preceding `start`, the
   * start is refused, unless the stream is a mirror, which may be behind. Costs one more request. Default `false`.
   */
  readonly verifyStart?: boolean | undefined;
  /**
   * How long to wait for a stream that is missing after an interruption, in milliseconds, because it may be created
   * again. Default 0: the push ends at once.
   */
  readonly missingStreamPatience?: number | undefined;
  /** How often the server sends a heartbeat, in milliseconds; two missed ones cause a reset. Default 5,000. */
  readonly heartbeat?: number | undefined;
  /** How long after the client is gone the server removes the consumer, in milliseconds. Default 30,000. */
  readonly inactiveThreshold?: number | undefined;
  /** The prefix of the names of the consumers. Default `ordered`. */
  readonly namePrefix?: string | undefined;
}

/** When a stream was created, according to its information. */
export interface StreamOrigin {
  readonly created: Date;
  /**
   * When the server created the information. If several clients created the stream at once, its servers know several
   * creation times, all of them before this one. nats-server 2.10.
   */
  readonly timestamp?: Date | undefined;
}

/** Whether a stream was deleted and created again since it was known: it has a later creation time then. */
export function isRecreated(known: StreamOrigin, { created }: StreamOrigin): boolean {
  if (created.getTime() === known.created.getTime()) return false;
  return known.timestamp === undefined || created > known.timestamp;
}

/** Information about a newly created consumer. */
export interface OrderedPushStarted {
  /** The number of messages that can be delivered immediately. */
  readonly pending: number;
  /**
   * Whether delivery starts from the beginning although messages were delivered before, because the stream was deleted
   * and created again, or lost its newest messages in a crash.
   */
  readonly restarted: boolean;
}

/** Why delivery was interrupted; it continues automatically. */
export type OrderedPushReset = 'stuck' | 'behind' | 'gap' | 'silence' | 'reconnected' | 'refused';

export const DEFAULT_HEARTBEAT = 5_000;

/** The consumer configuration in the wire format (ADR-17), without its name and its deliver subject. */
export function wireConfig(config: OrderedPushConfig, start: OrderedPushStart | undefined): object {
  const { filterSubjects = [], headersOnly, heartbeat = DEFAULT_HEARTBEAT } = config;
  return {
    ...wireStart(start),
    ...(filterSubjects.length === 1 ? { filter_subject: filterSubjects[0] } : {}),
    ...(filterSubjects.length > 1 ? { filter_subjects: filterSubjects } : {}),
    ...(headersOnly ? { headers_only: true } : {}),
    ack_policy: 'none',
    ack_wait: toNanosAtMost(22 * 3_600_000),
    max_deliver: 1,
    flow_control: true,
    idle_heartbeat: toNanosAtMost(heartbeat),
    inactive_threshold: toNanosAtMost(config.inactiveThreshold ?? 30_000),
    mem_storage: true,
    num_replicas: 1,
    replay_policy: 'instant',
  };
}

function wireStart(start: OrderedPushStart = { policy: 'all' }): object {
  return 'policy' in start
    ? { deliver_policy: start.policy }
    : { deliver_policy: 'by_start_sequence', opt_start_seq: start.startSequence };
}
