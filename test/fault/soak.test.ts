import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { JetStreamError, JetStreamService, ObjectStoreService } from 'nestjs-nats-jetstream';
import { connect, type NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer, type NatsTestCluster } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { sleep } from '../../lib/timing/index.js';
import { InterferingProxy } from '../connection/interfering-proxy.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { Service } from '../trust/lost-servers/application.js';
import { FORMS, type Form } from '../trust/lost-servers/handlers.js';
import { OPERATIONS, RepeatedOperations } from '../trust/lost-servers/operations.js';

/** `SOAK_MINUTES=30 npx vitest run test/fault/soak.test.ts` is the long run; every run of the suite has a short one. */
const MINUTES = Number(process.env.SOAK_MINUTES ?? 0.4);
const DURATION = MINUTES * 60_000;
/** Between two messages to each handler, in milliseconds. */
const PUBLISH_EVERY = 60;
/** How much more memory the last third of a long run may use than the first, in MiB. */
const GROWTH = 40;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Acknowledged messages of one form: the sequence of each number. */
type Sequences = Record<Form, number[]>;

it(
  `handlers of all kinds lose nothing in ${MINUTES} minutes of random faults of a cluster`,
  { timeout: DURATION + 240_000 },
  async () => {
    await using cluster = await NatsTestServer.cluster(3);
    const proxies = await Promise.all(cluster.servers.map((server) => InterferingProxy.before(server)));
    const logs = new LogRecorder();
    const service = await Service.start(
      {
        servers: proxies.map(({ url }) => url),
        ignoreClusterUpdates: true,
        reconnectTimeWait: 100,
        reconnectJitter: 50,
      },
      logs,
      3,
    );
    const store = await service.app.get(ObjectStoreService).open('files');
    await store.putString('first', 'content');
    const operations = await RepeatedOperations.start(service.app, service.client);

    const end = performance.now() + DURATION;
    const running = (): boolean => performance.now() < end;
    const sequences: Sequences = { sync: [], async: [], batch: [], push: [], event: [], ordered: [] };
    const memory: number[] = [];
    const faults: Record<string, number> = {};
    const publishing = publishAll(service, sequences, running);
    const sampling = sampleMemory(memory, running);
    while (running()) {
      const fault = pick(Object.keys(FAULTS) as (keyof typeof FAULTS)[]);
      faults[fault] = (faults[fault] ?? 0) + 1;
      await FAULTS[fault](cluster, proxies);
      await sleep(1_000 + 2_000 * Math.random());
    }
    const early = await publishing;
    await sampling;
    await operations.stop();
    await cluster.ready();

    const { finished } = service.journal;
    const missing = (): Record<string, number[]> =>
      Object.fromEntries(
        FORMS.map((form): [string, number[]] => {
          const seen = new Set(finished[form]);
          return [
            form,
            Object.keys(sequences[form])
              .map(Number)
              .filter((id) => !seen.has(id)),
          ];
        }),
      );
    await eventually(missing, (all) => Object.values(all).every((ids) => ids.length === 0), 90_000);

    const figures = {
      faults,
      published: FORMS.map((form) => Object.keys(sequences[form]).length),
      calls: Object.fromEntries(
        OPERATIONS.map((name) => {
          const { succeeded, errors, longest } = operations.calls[name];
          return [name, { succeeded, failed: errors.length, longest: Math.round(longest) }];
        }),
      ),
      memory: memory.map(Math.round),
    };
    console.log(JSON.stringify(figures));
    for (const name of OPERATIONS) {
      const { errors } = operations.calls[name];
      expect([...new Set(errors.filter((error) => !(error instanceof JetStreamError)).map(String))]).toEqual(
        [],
      );
    }
    expect(early).toEqual([]);
    expect(outOfOrder(finished.ordered)).toEqual([]);
    expect(growth(memory)).toBeLessThan(GROWTH);
    await service.close();
    await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
  },
);

/**
 * Publishes numbers to every handler and keeps those that the cluster acknowledged.
 *
 * @returns the messages that a consumer had as acknowledged before their handler was through
 */
async function publishAll(
  service: Service,
  sequences: Sequences,
  running: () => boolean,
): Promise<unknown[]> {
  const early: unknown[] = [];
  const jetstream = service.app.get(JetStreamService);
  const { finished } = service.journal;
  const floors = new Map<Form, number>();
  for (let id = 0; running(); id++) {
    await Promise.all(
      FORMS.map(async (form) => {
        const ack = await jetstream
          .publish(`work.${form}`, id, { messageId: `${form}-${id}` })
          .catch(() => undefined);
        if (ack) sequences[form][id] = ack.sequence;
      }),
    );
    if (id % 20 === 0) {
      for (const form of FORMS) {
        if (form === 'ordered') continue;
        const consumer =
          form === 'push' ? jetstream.pushConsumer('WORK', form) : jetstream.consumer('WORK', form);
        const floor = (await consumer.catch(() => undefined))?.cachedInfo.ackFloor.streamSequence;
        // Every message up to the floor was handled to the end when the server said so.
        const done = new Set(finished[form]);
        const from = floors.get(form) ?? 0;
        const unfinished = Object.entries(sequences[form]).filter(
          ([number, sequence]) => sequence > from && sequence <= (floor ?? 0) && !done.has(Number(number)),
        );
        early.push(...unfinished.map(([number]) => ({ form, number, floor })));
        if (floor !== undefined) floors.set(form, floor);
      }
    }
    await sleep(PUBLISH_EVERY);
  }
  return early;
}

async function sampleMemory(memory: number[], running: () => boolean): Promise<void> {
  while (running()) {
    collectGarbage();
    memory.push(process.memoryUsage().heapUsed / 1_048_576);
    await sleep(Math.min(20_000, DURATION / 10));
  }
}

/** How much more is used in the last third of the samples than in the first, by their medians. */
function growth(memory: readonly number[]): number {
  const third = Math.ceil(memory.length / 3);
  const median = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
  return median(memory.slice(-third)) - median(memory.slice(0, third));
}

/** What may happen to one of three servers, or to the links to them; each resolves when the server is well again. */
const FAULTS = {
  kill: async (cluster: NatsTestCluster): Promise<void> => {
    const server = pick(cluster.servers);
    await server.kill();
    await sleep(500 + 2_000 * Math.random());
    await server.restart();
    await cluster.ready().catch(() => undefined);
  },
  freeze: async (cluster: NatsTestCluster): Promise<void> => {
    const server = pick(cluster.servers);
    server.pause();
    await sleep(500 + 3_500 * Math.random());
    server.resume();
  },
  cut: async (_: NatsTestCluster, proxies: readonly InterferingProxy[]): Promise<void> => {
    for (const proxy of proxies) proxy.cutLinks();
  },
  newLeader: async (cluster: NatsTestCluster): Promise<void> => {
    const nc = await connect({ servers: cluster.urls, timeout: 2_000 }).catch(() => undefined);
    if (nc === undefined) return;
    await stepDown(
      nc,
      pick([
        'STREAM.LEADER.STEPDOWN.WORK',
        'STREAM.LEADER.STEPDOWN.KV_state',
        'CONSUMER.LEADER.STEPDOWN.WORK.async',
        'META.LEADER.STEPDOWN',
      ]),
    );
    await nc.close();
  },
} as const;

async function stepDown(nc: NatsConnection, what: string): Promise<void> {
  await nc.request(`$JS.API.${what}`, undefined, { timeout: 2_000 }).catch(() => undefined);
}

function pick<T>(values: readonly T[]): T {
  return values[Math.floor(Math.random() * values.length)];
}

/** The places where an ordered handler went back, skipped nothing counted. */
function outOfOrder(ids: readonly number[]): number[] {
  return ids.filter((id, i) => i > 0 && id <= (ids[i - 1] ?? -1));
}
