import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { sleep } from '../../../lib/timing/index.js';
import type { Field } from './field.js';

/** A fault of the environment of a service. */
export interface Fault {
  /** Lets something fail; resolves when servers, links and processes work again. */
  inject(field: Field): Promise<void>;
  /** See `FaultNote`. */
  readonly separatesLeaders?: boolean;
  readonly deletesStream?: boolean;
  readonly deletesConsumer?: boolean;
  /** The version of the servers at the beginning, if it is not the newest. */
  readonly version?: string;
}

/** A payload that `RepeatedOperations` publishes is larger than that. */
const SMALL_PAYLOAD = 10_000;

const ALL = {
  'kill-server': {
    inject: async (field) => {
      const server = field.random.pick(field.cluster.servers);
      await server.kill();
      await sleep(field.time(500, 2_500));
      await server.restart();
      await field.cluster.ready();
    },
    separatesLeaders: true,
  },
  'freeze-server': {
    inject: async (field) => {
      const server = field.random.pick(field.cluster.servers);
      server.pause();
      await sleep(field.time(1_000, 6_000));
      server.resume();
    },
    separatesLeaders: true,
  },
  'cut-links': {
    inject: async ({ proxies }) => {
      for (const proxy of proxies) proxy.cut();
    },
  },
  partition: {
    inject: async (field) => {
      const [first, ...others] = field.random.shuffled(field.cluster.servers.map((_, i) => i));
      field.cluster.partition([first], others);
      await sleep(field.time(2_000, 12_000));
      field.cluster.heal();
      await field.cluster.ready();
    },
    separatesLeaders: true,
  },
  'leader-change': {
    inject: async (field) => {
      const leaders = field.random.shuffled([
        ...LEADERS,
        ...CONSUMERS.map((name) => `CONSUMER.LEADER.STEPDOWN.WORK.${name}`),
      ]);
      for (const leader of leaders.slice(0, 3)) await field.ask(leader);
    },
    separatesLeaders: true,
  },
  'consumer-deleted': {
    inject: async (field) => {
      await field.ask(`CONSUMER.DELETE.WORK.${field.random.pick(CONSUMERS)}`);
    },
    deletesConsumer: true,
  },
  'stream-deleted': {
    inject: async (field) => {
      await field.ask('STREAM.DELETE.WORK');
      // The services create it again.
      await field.ask('STREAM.INFO.WORK');
    },
    deletesStream: true,
    deletesConsumer: true,
  },
  'store-full': {
    inject: async (field) => {
      const { config, state } = await field.ask<StreamInfo>('STREAM.INFO.WORK');
      await field.ask('STREAM.UPDATE.WORK', { ...config, discard: 'new', max_bytes: state.bytes + 1_000 });
      await sleep(field.time(1_000, 3_000));
      await field.ask('STREAM.UPDATE.WORK', config);
    },
  },
  'rolling-upgrade': {
    inject: async (field) => {
      for (const server of field.cluster.servers) {
        await server.restart({ version: '2.15' });
        await field.cluster.ready();
      }
      // A service gets the handlers that need a newer server when it is updated.
      await field.replace('update', 0);
    },
    separatesLeaders: true,
    version: '2.10',
  },
  'blocked-event-loop': {
    inject: async (field) => {
      await field.random.pick(field.services).send({ type: 'block', milliseconds: field.time(1_500, 5_000) });
    },
  },
  'small-max-payload': {
    inject: async (field) => {
      const configs = await Promise.all(field.cluster.servers.map((server) => readFile(configOf(server))));
      for (const server of field.cluster.servers) {
        await appendFile(configOf(server), `\nmax_payload: ${SMALL_PAYLOAD}\n`);
        reload(server);
      }
      await sleep(field.time(1_000, 3_000));
      for (const [i, server] of field.cluster.servers.entries()) {
        await writeFile(configOf(server), configs[i]);
        reload(server);
      }
    },
  },
  'kill-service': {
    inject: async (field) => {
      // The first one is pinned to the consumer of `cumulative`, which another process gets after a minute only.
      await field.replace('kill', 1 + Math.floor(field.random.between(0, field.services.length - 1)));
    },
  },
} satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof ALL;

/** All faults, by their names. */
export const FAULTS: Readonly<Record<FaultName, Fault>> = ALL;

export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

const LEADERS = [
  'STREAM.LEADER.STEPDOWN.WORK',
  'STREAM.LEADER.STEPDOWN.KV_state',
  'STREAM.LEADER.STEPDOWN.KV_registers',
  'STREAM.LEADER.STEPDOWN.KV_locks',
  'STREAM.LEADER.STEPDOWN.KV_done',
  'STREAM.LEADER.STEPDOWN.OBJ_files',
  'META.LEADER.STEPDOWN',
];
const CONSUMERS = ['sync', 'async', 'batch', 'keyed', 'forward', 'event'];

interface StreamInfo {
  readonly config: Readonly<Record<string, unknown>>;
  readonly state: { readonly bytes: number };
}

function configOf({ storeDir }: NatsTestServer): string {
  return join(dirname(storeDir), 'server.conf');
}

/** Lets a server read its configuration again. */
function reload({ pid }: NatsTestServer): void {
  if (pid !== undefined) process.kill(pid, 'SIGHUP');
}
