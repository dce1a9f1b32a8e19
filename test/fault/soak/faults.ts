import { connect } from 'nestjs-nats-jetstream/nats';
import type { NatsTestCluster, NatsTestProxy } from 'nestjs-nats-jetstream/testing';
import { sleep } from '../../../lib/timing/index.js';

/** The target of faults: three servers, each behind a proxy. */
export interface Field {
  readonly cluster: NatsTestCluster;
  readonly proxies: readonly NatsTestProxy[];
  /** From 0 to 1; the same sequence for the same seed. */
  readonly random: () => number;
}

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick<T>(random: () => number, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)];
}

const LEADERS = [
  'STREAM.LEADER.STEPDOWN.WORK',
  'STREAM.LEADER.STEPDOWN.KV_state',
  'STREAM.LEADER.STEPDOWN.KV_done',
  'STREAM.LEADER.STEPDOWN.OBJ_files',
  'CONSUMER.LEADER.STEPDOWN.WORK.async',
  'CONSUMER.LEADER.STEPDOWN.WORK.cumulative',
  'CONSUMER.LEADER.STEPDOWN.WORK.event',
  'META.LEADER.STEPDOWN',
];

/** The faults of a cluster of three servers, or of the links to them; each resolves when the servers work again. */
export const FAULTS = {
  kill: async ({ cluster, random }: Field): Promise<void> => {
    const server = pick(random, cluster.servers);
    await server.kill();
    await sleep(500 + 2_000 * random());
    await server.restart();
    await cluster.ready().catch(() => undefined);
  },
  freeze: async ({ cluster, random }: Field): Promise<void> => {
    const server = pick(random, cluster.servers);
    server.pause();
    await sleep(500 + 3_500 * random());
    server.resume();
  },
  /** Nothing can be stored during this fault. */
  freezeTwo: async ({ cluster, random }: Field): Promise<void> => {
    const [first, ...others] = cluster.servers;
    const frozen = random() < 0.5 ? others : [first, others[0]];
    for (const server of frozen) server.pause();
    await sleep(500 + 2_500 * random());
    for (const server of frozen) server.resume();
  },
  cut: async ({ proxies }: Field): Promise<void> => {
    for (const proxy of proxies) proxy.cut();
  },
  newLeader: async ({ cluster, random }: Field): Promise<void> => {
    const what = pick(random, LEADERS);
    const nc = await connect({ servers: cluster.urls, timeout: 2_000 }).catch(() => undefined);
    await nc?.request(`$JS.API.${what}`, undefined, { timeout: 2_000 }).catch(() => undefined);
    await nc?.close();
  },
} as const;

export const FAULT_NAMES = Object.keys(FAULTS) as (keyof typeof FAULTS)[];
