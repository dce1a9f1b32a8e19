import { fromNanos, fromTime } from '../../timing/index.js';
import { type ClusterInfo, decodeClusterInfo, type WireClusterInfo } from '../cluster-info.js';
import type { StoredConsumerConfig } from './consumer-config.js';
import { decodeConsumerConfig } from './consumer-config.wire.js';

/** A consumer's configuration and state at one moment. */
export interface ConsumerInfo<Config extends StoredConsumerConfig = StoredConsumerConfig> {
  readonly stream: string;
  readonly name: string;
  readonly created: Date;
  readonly config: Config;
  /** The last message delivered. */
  readonly delivered: SequenceInfo;
  /** The last message before the first unacknowledged one. */
  readonly ackFloor: SequenceInfo;
  /** The number of messages that are delivered and not yet acknowledged. */
  readonly numAckPending: number;
  /** The number of them that were delivered more than once. */
  readonly numRedelivered: number;
  /** The number of waiting pull requests. */
  readonly numWaiting: number;
  /** The number of messages that match the filter and are not yet delivered. */
  readonly numPending: number;
  /** `undefined` on a single server. */
  readonly cluster?: ClusterInfo | undefined;
  /** Whether a client is subscribed; push consumers only. */
  readonly pushBound: boolean;
  readonly paused: boolean;
  /** The remaining time of a pause, in milliseconds; `undefined` if it is not paused. */
  readonly pauseRemaining?: number | undefined;
  readonly priorityGroups: readonly PriorityGroupState[];
  /** When the server created this information. nats-server 2.10. */
  readonly timestamp?: Date | undefined;
}

/** A position in a consumer and in its stream. */
export interface SequenceInfo {
  readonly consumerSequence: number;
  readonly streamSequence: number;
  /** The time of the last activity; `undefined` if there was none. */
  readonly lastActive?: Date | undefined;
}

/** A priority group at one moment. */
export interface PriorityGroupState {
  readonly group: string;
  /** The id that the server gave the pinned client; `undefined` if no client is pinned. */
  readonly pinnedClientId?: string | undefined;
  /** When it was pinned. */
  readonly pinnedSince?: Date | undefined;
}

/** The wire format. */
export interface WireConsumerInfo {
  readonly stream_name: string;
  readonly name: string;
  readonly created: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly delivered: WireSequenceInfo;
  readonly ack_floor: WireSequenceInfo;
  readonly num_ack_pending: number;
  readonly num_redelivered: number;
  readonly num_waiting: number;
  readonly num_pending: number;
  readonly cluster?: WireClusterInfo;
  readonly push_bound?: boolean;
  readonly paused?: boolean;
  readonly pause_remaining?: number;
  readonly priority_groups?: readonly {
    readonly group: string;
    readonly pinned_client_id?: string;
    readonly pinned_ts?: string;
  }[];
  readonly ts?: string;
}

interface WireSequenceInfo {
  readonly consumer_seq: number;
  readonly stream_seq: number;
  readonly last_active?: string;
}

export function decodeConsumerInfo(wire: WireConsumerInfo): ConsumerInfo {
  return {
    stream: wire.stream_name,
    name: wire.name,
    created: new Date(wire.created),
    config: decodeConsumerConfig(wire.config),
    delivered: decodeSequences(wire.delivered),
    ackFloor: decodeSequences(wire.ack_floor),
    numAckPending: wire.num_ack_pending,
    numRedelivered: wire.num_redelivered,
    numWaiting: wire.num_waiting,
    numPending: wire.num_pending,
    cluster: wire.cluster && decodeClusterInfo(wire.cluster),
    pushBound: wire.push_bound ?? false,
    paused: wire.paused ?? false,
    pauseRemaining: wire.paused ? fromNanos(wire.pause_remaining ?? 0) : undefined,
    priorityGroups: (wire.priority_groups ?? []).map((state) => ({
      group: state.group,
      pinnedClientId: state.pinned_client_id || undefined,
      pinnedSince: fromTime(state.pinned_ts),
    })),
    timestamp: fromTime(wire.ts),
  };
}

function decodeSequences(wire: WireSequenceInfo): SequenceInfo {
  return {
    consumerSequence: wire.consumer_seq,
    streamSequence: wire.stream_seq,
    lastActive: fromTime(wire.last_active),
  };
}
