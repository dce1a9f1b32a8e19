import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import type { Field } from './field.js';

/** Repairs what a fault has broken; resolves when servers, links and processes work again. */
type Repair = () => Promise<void>;

/** A fault of the environment of a service. */
export interface Fault {
  /** Lets something fail; resolves when it has failed. */
  fail(field: Field): Promise<Repair | void>;
  /** How long it lasts until it is repaired, in milliseconds, at least and at most. */
  readonly lasts?: readonly [number, number];
  /** Whether the service can continue before the repair; the time of its recovery counts from the start then. */
  readonly isSurvived?: boolean;
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
    fail: async ({ random, cluster }) => {
      const server = random.pick(cluster.servers);
      await server.kill();
      return () => server.restart();
    },
    lasts: [500, 2_500],
    isSurvived: true,
    separatesLeaders: true,
  },
  'freeze-server': {
    fail: async ({ random, cluster }) => {
      const server = random.pick(cluster.servers);
      server.pause();
      return async () => server.resume();
    },
    lasts: [1_000, 6_000],
    separatesLeaders: true,
  },
  'lose-quorum': {
    fail: async ({ random, cluster }) => {
      const [, ...servers] = random.shuffled(cluster.servers);
      for (const server of servers) server.pause();
      return async () => {
        for (const server of servers) server.resume();
      };
    },
    lasts: [1_000, 4_000],
    separatesLeaders: true,
  },
  'cut-links': {
    fail: async ({ proxies }) => {
      for (const proxy of proxies) proxy.cut();
    },
    isSurvived: true,
  },
  partition: {
    fail: async ({ random, cluster }) => {
      const [first, ...others] = random.shuffled(cluster.servers.map((_, i) => i));
      cluster.partition([first], others);
      return async () => cluster.heal();
    },
    lasts: [2_000, 12_000],
    separatesLeaders: true,
  },
  'leader-change': {
    fail: async (field) => {
      const leaders = field.random.shuffled([
        ...LEADERS,
        ...CONSUMERS.map((name) => `CONSUMER.LEADER.STEPDOWN.WORK.${name}`),
      ]);
      for (const leader of leaders.slice(0, 3)) await field.ask(leader);
    },
    isSurvived: true,
    separatesLeaders: true,
  },
  'consumer-deleted': {
    fail: async (field) => {
      await field.ask(`CONSUMER.DELETE.WORK.${field.random.pick(CONSUMERS)}`);
    },
    isSurvived: true,
    deletesConsumer: true,
  },
  'stream-deleted': {
    fail: async (field) => {
      await field.ask('STREAM.DELETE.WORK');
      // The services create it again.
      return () => field.ask('STREAM.INFO.WORK');
    },
    isSurvived: true,
    deletesStream: true,
    deletesConsumer: true,
  },
  'store-full': {
    fail: async (field) => {
      const { config, state } = await field.ask<StreamInfo>('STREAM.INFO.WORK');
      await field.ask('STREAM.UPDATE.WORK', { ...config, discard: 'new', max_bytes: state.bytes + 1_000 });
      return () => field.ask('STREAM.UPDATE.WORK', config);
    },
    lasts: [1_000, 3_000],
  },
  'disk-full': {
    fail: async ({ random, cluster }) => {
      const server = random.pick(cluster.servers);
      const config = await readFile(configOf(server));
      // The limit cannot be changed while the server runs.
      await appendFile(configOf(server), `\njetstream { max_file_store: ${await storedBy(server)} }\n`);
      await server.restart();
      return async () => {
        await writeFile(configOf(server), config);
        await server.restart();
      };
    },
    lasts: [1_000, 5_000],
    separatesLeaders: true,
  },
  'rolling-restart': {
    fail: async (field) => {
      for (const server of field.cluster.servers) {
        await server.restart();
        await field.ready();
      }
    },
    separatesLeaders: true,
  },
  'rolling-upgrade': {
    fail: async (field) => {
      for (const server of field.cluster.servers) {
        // From the second time on, the servers are restarted one by one.
        await server.restart({ version: '2.15' });
        await field.ready();
      }
      // A service gets the handlers that need a newer server when it is updated.
      if (!field.services[0].settings.hasCumulative) await field.update(0);
    },
    separatesLeaders: true,
    version: '2.10',
  },
  'blocked-event-loop': {
    fail: async ({ random, services, scale }) => {
      const milliseconds = scale * random.between(1_500, 5_000);
      const blocked = random.pick(services).send({ type: 'block', milliseconds });
      return async () => void (await blocked);
    },
  },
  'small-max-payload': {
    fail: async ({ cluster }) => {
      const configs = await Promise.all(cluster.servers.map((server) => readFile(configOf(server))));
      for (const server of cluster.servers) {
        await appendFile(configOf(server), `\nmax_payload: ${SMALL_PAYLOAD}\n`);
        reload(server);
      }
      return async () => {
        for (const [i, server] of cluster.servers.entries()) {
          await writeFile(configOf(server), configs[i]);
          reload(server);
        }
      };
    },
    lasts: [1_000, 3_000],
  },
  'kill-service': {
    fail: async (field) => {
      // The first one is pinned to the consumer of `cumulative`, which another process gets after a minute only.
      const index = 1 + Math.floor(field.random.between(0, field.services.length - 1));
      await field.kill(index);
      return () => field.start(index);
    },
    isSurvived: true,
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

/** How many bytes a server has stored in files. */
async function storedBy({ monitoringUrl }: NatsTestServer): Promise<number> {
  const page = (await (await fetch(`${monitoringUrl}/jsz`)).json()) as { readonly storage: number };
  return page.storage;
}
