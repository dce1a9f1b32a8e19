import { setTimeout as sleep } from 'node:timers/promises';

import { apiRequest } from './api-request.js';
import { NatsServerStartError } from './errors.js';
import { monitor } from './monitoring.js';
import type { ServerAccess } from './server-access.js';

/** The interval of readiness checks, in milliseconds. */
const READY_POLL = 20;

/** The name of the group of all servers here, in addition to those of streams and consumers. */
const CLUSTER = 'cluster';

/** The error code of a JetStream API that cannot place a stream on any servers. */
const NO_SUITABLE_PEERS = 10_005;
/** The error code of a JetStream API without a leader. */
const NOT_AVAILABLE = 10_008;

/** A server of the cluster. */
interface RunningServer {
  readonly name: string;
  /** `undefined` if it is not running. */
  readonly pid: number | undefined;
  readonly port: number;
  readonly monitoringUrl: string;
}

/**
 * Waits until the running servers of a cluster have a leader that reports all of them as current and can place streams
 * on them, and each stream and consumer has a leader that all of its servers know.
 *
 * @throws NatsServerStartError if that takes longer than `timeout`
 */
export async function clusterReady(
  servers: readonly RunningServer[],
  access: ServerAccess,
  timeout: number,
): Promise<void> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const running = servers.filter(({ pid }) => pid !== undefined);
    const laggards = await findLaggards(running, access);
    const lack = lackOf(running, servers);
    // A leader that lost the others reports them as current for a moment.
    if (laggards.length === 0 && lack === undefined) {
      return;
    }
    if (Date.now() > deadline) {
      const reason = `the cluster was not ready after ${timeout} ms: ${lack ?? laggards.join(', ')}`;
      throw new NatsServerStartError(reason, '');
    }
    await sleep(READY_POLL);
  }
}

/** That too few servers run to elect a leader; `undefined` if enough do. */
function lackOf(running: readonly RunningServer[], all: readonly RunningServer[]): string | undefined {
  const needed = Math.floor(all.length / 2) + 1;
  if (running.length >= needed) return undefined;
  return `only ${running.length} of ${all.length} servers run, and a leader needs ${needed}. Restart one of the others first`;
}

/**
 * The servers that do not answer; if all answer, the groups of servers that are not ready; if all are, the servers
 * through which no stream can be created.
 */
async function findLaggards(servers: readonly RunningServer[], access: ServerAccess): Promise<string[]> {
  const pages = await Promise.all(servers.map((server) => jetStreamPage(server).catch(() => undefined)));
  const silent = servers.filter((_, index) => pages[index] === undefined).map(({ name }) => name);
  if (silent.length > 0) {
    return silent;
  }
  // After a leader's end, the other servers report it as the leader for a while, and it does so itself after its
  // restart. So each server has to know a leader, and the leader has to know that it is the leader.
  const known = new Map<string, Set<string | undefined>>();
  const led = new Set<string>();
  let hasAbsentees = false;
  for (const [index, server] of servers.entries()) {
    for (const [name, group] of groupsOf(pages[index] ?? {})) {
      known.set(name, (known.get(name) ?? new Set()).add(group.leader));
      if (group.leader === server.name && (name !== CLUSTER || areInStep(group, server, servers))) {
        led.add(name);
        if (name === CLUSTER) hasAbsentees = (group.replicas ?? []).length > servers.length - 1;
      }
    }
  }
  const groups = [...known].flatMap(([name, leaders]) => (leaders.size === 1 && led.has(name) ? [] : [name]));
  return groups.length > 0 ? groups : withoutPlacement(servers, access, hasAbsentees);
}

/**
 * The servers through which the leader does not answer, or answers that it cannot place a stream on all servers.
 *
 * Servers are current before they have announced their JetStream to the leader, at first once and then at growing
 * intervals up to ten seconds. Until then it refuses to create streams of as many replicas. This is not visible on any
 * monitoring page, so the leader is asked for a stream that has to be on servers with a tag that none has. The error
 * contains every reason why servers are not suitable, and nothing is created.
 */
async function withoutPlacement(
  servers: readonly RunningServer[],
  access: ServerAccess,
  hasAbsentees: boolean,
): Promise<string[]> {
  const name = 'nats-test-cluster-readiness';
  const placement = { tags: ['no-server-has-this-tag'] };
  const config = JSON.stringify({ name, num_replicas: servers.length, storage: 'memory', placement });
  const canPlace = async ({ port }: RunningServer): Promise<boolean> => {
    for (const credentials of access.credentials()) {
      const reply = await apiRequest(port, credentials, `$JS.API.STREAM.CREATE.${name}`, config);
      if (reply === 'silent') return false;
      // Other users may have the permission. If none has it, what the monitoring pages show has to be enough.
      if (reply === 'refused') continue;
      const { error = {} } = JSON.parse(reply.data) as { error?: ApiError };
      if (error.err_code === NOT_AVAILABLE) return false;
      if (error.err_code === NO_SUITABLE_PEERS) {
        // Servers that are not running are offline too.
        return hasAbsentees || !/offline|miscellaneous/.test(error.description ?? '');
      }
    }
    return true;
  };
  const outcomes = await Promise.all(servers.map(canPlace));
  return servers
    .filter((_, index) => !(outcomes[index] ?? false))
    .map((server) => `placement by ${server.name}`);
}

interface ApiError {
  readonly err_code?: number;
  readonly description?: string;
}

/** The part of a server's JetStream page that is used here. */
interface JetStreamPage {
  readonly meta_cluster?: RaftGroup;
  readonly account_details?: readonly {
    readonly name: string;
    readonly stream_detail?: readonly (Asset & { readonly consumer_detail?: readonly Asset[] })[];
  }[];
}

interface Asset {
  readonly name: string;
  readonly cluster?: RaftGroup;
}

/** The servers that store the same data, as reported by one of them. */
interface RaftGroup {
  readonly leader?: string;
  /** The other servers. */
  readonly replicas?: readonly {
    readonly name: string;
    readonly current: boolean;
    readonly offline?: boolean;
  }[];
}

async function jetStreamPage(server: RunningServer): Promise<JetStreamPage> {
  return (await monitor(`${server.monitoringUrl}/jsz?streams=true&consumers=true`)) as JetStreamPage;
}

/** Whether a leader reports all other running servers as current. */
function areInStep(
  { replicas = [] }: RaftGroup,
  leader: RunningServer,
  servers: readonly RunningServer[],
): boolean {
  return servers.every(
    ({ name }) =>
      name === leader.name ||
      replicas.some((replica) => replica.name === name && replica.current && replica.offline !== true),
  );
}

/** The groups of a server, each with a name that is the same on all servers. */
function* groupsOf({ meta_cluster: meta = {}, account_details: accounts = [] }: JetStreamPage) {
  yield [CLUSTER, meta] as const;
  for (const account of accounts) {
    for (const stream of account.stream_detail ?? []) {
      yield [`stream ${account.name}/${stream.name}`, stream.cluster ?? {}] as const;
      for (const consumer of stream.consumer_detail ?? []) {
        yield [`consumer ${account.name}/${stream.name}/${consumer.name}`, consumer.cluster ?? {}] as const;
      }
    }
  }
}
