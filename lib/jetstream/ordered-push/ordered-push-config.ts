import { toNanosAtMost } from '../../timing/index.js';

/** Where an ordered push consumer starts. */
export type OrderedPushStart =
  | { readonly policy: 'all' | 'last' | 'last_per_subject' | 'new' }
  /** From that sequence of the stream on. */
  | { readonly startSequence: number };

/** What an {@link OrderedPush} reads and how. */
export interface OrderedPushConfig {
  readonly stream: string;
  /** The subjects to read; several need nats-server 2.10; all where left out. */
  readonly filterSubjects?: readonly string[] | undefined;
  /** Where to start. Default: with the first message. `last_per_subject` goes with `filterSubjects` only. */
  readonly start?: OrderedPushStart | undefined;
  /** Delivers headers, and the size of the payload in `Nats-Msg-Size`, but no payload. */
  readonly headersOnly?: boolean | undefined;
  /**
   * When the stream was created, as in its information. Where it is given, a stream that was deleted and created again
   * under the same name is always noticed; else only while it is shorter than what was delivered.
   */
  readonly streamCreated?: Date | undefined;
  /**
   * Checks before the first message whether `start` is a sequence of this stream: it begins anew if the stream is another
   * one than `streamCreated` says, and is refused if the stream ends before the sequence in front of it, unless it is a
   * mirror, which may be behind. One more request. Default `false`.
   */
  readonly verifyStart?: boolean | undefined;
  /**
   * For how many milliseconds a stream that is missing after an interruption is waited for, since it may be created again.
   * Default 0: the push ends at once.
   */
  readonly missingStreamPatience?: number | undefined;
  /** How often the server says that it is alive, in milliseconds; two missed ones make a reset. Default 5,000. */
  readonly heartbeat?: number | undefined;
  /** Removes the consumer on the server after that many milliseconds without a listener. Default 30,000. */
  readonly inactiveThreshold?: number | undefined;
  /** What the names of the consumers begin with. Default `ordered`. */
  readonly namePrefix?: string | undefined;
}

/** What is known when a consumer has been made. */
export interface OrderedPushStarted {
  /** How many messages there are to be delivered at once. */
  readonly pending: number;
  /**
   * Whether delivery begins anew although messages were delivered before, because the stream was deleted and created
   * again, or lost its end in a crash.
   */
  readonly restarted: boolean;
}

/** Why delivery was interrupted; it goes on by itself. */
export type OrderedPushReset = 'stuck' | 'gap' | 'silence' | 'reconnected' | 'refused';

export const DEFAULT_HEARTBEAT = 5_000;

/** The consumer as the server's API takes it (ADR-17), without its name and its deliver subject. @internal */
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
