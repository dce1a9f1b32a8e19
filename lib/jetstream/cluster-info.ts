import { fromNanos, fromTime } from '../timing/index.js';

/** The servers that hold a stream or consumer. */
export interface ClusterInfo {
  /** The name of the cluster. */
  readonly name?: string | undefined;
  readonly raftGroup?: string | undefined;
  /** The name of the leading server; `undefined` if there is none. */
  readonly leader?: string | undefined;
  /** When it became the leader. nats-server 2.12. */
  readonly leaderSince?: Date | undefined;
  /** The other servers. */
  readonly replicas: readonly PeerInfo[];
}

/** One server that follows the leader, as the leader sees it. */
export interface PeerInfo {
  readonly name: string;
  /** Whether it is up to date with the leader. */
  readonly current: boolean;
  readonly offline: boolean;
  /**
   * How long ago the leader last received a message from it, in milliseconds. 0 if it has received none since it became
   * the leader; not meaningful then with older servers.
   */
  readonly active: number;
  /** The number of operations it is behind. */
  readonly lag: number;
}

/** The wire format. */
export interface WireClusterInfo {
  readonly name?: string;
  readonly raft_group?: string;
  readonly leader?: string;
  readonly leader_since?: string;
  readonly replicas?:
    | readonly {
        readonly name: string;
        readonly current: boolean;
        readonly offline?: boolean;
        readonly active: number;
        readonly lag?: number;
      }[]
    | null;
}

export function decodeClusterInfo(wire: WireClusterInfo): ClusterInfo {
  return {
    name: wire.name,
    raftGroup: wire.raft_group,
    leader: wire.leader || undefined,
    leaderSince: fromTime(wire.leader_since),
    replicas: (wire.replicas ?? []).map(({ name, current, offline = false, active, lag = 0 }) => ({
      name,
      current,
      offline,
      active: fromNanos(active),
      lag,
    })),
  };
}
