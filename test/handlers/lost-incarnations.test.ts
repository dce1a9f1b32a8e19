import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  getKeyValueToken,
  getObjectStoreToken,
  Handlers,
  JetStreamEvents,
  JetStreamService,
  JsConsumer,
  KvContext,
  KvWatch,
  ObjectWatch,
  type JsConsumerOptions,
  type KeyValue,
  type ObjectInfo,
  type ObjectStore,
} from 'nestjs-nats-jetstream';
import { NatsTestServer, type NatsTestProxy } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../lib/timing/index.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const MEMORY = { storage: 'memory' } as const;
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('memory streams and buckets that a server restart has deleted', () => {
  const FORMS: readonly [string, Partial<JsConsumerOptions>][] = [
    ['ordered', { ordered: true }],
    ['ordered, new messages', { ordered: true, deliverPolicy: 'new' }],
    ['without a name', {}],
    ['durable', { durable: 'd' }],
    ['durable, new messages', { durable: 'd', deliverPolicy: 'new' }],
    ['push, new messages', { durable: 'd', deliverPolicy: 'new', push: {} }],
    ['push', { durable: 'd', push: {} }],
    ['push, for a group', { durable: 'd', push: { deliverSubject: 'deliver.d', deliverGroup: 'g' } }],
    ['batches', { durable: 'd', batch: { size: 3, maxWait: 20 } }],
    ['cumulative', { durable: 'd', ackPolicy: 'all', batch: { size: 3, maxWait: 20 } }],
  ];
  let server: NatsTestServer;
  beforeEach(async () => {
    server = await NatsTestServer.start();
  });
  afterEach(() => server.stop());

  async function restart({ app }: TestApplication): Promise<void> {
    const { connection } = app.get(JetStreamService);
    const back = new Promise<void>((resolve) => connection.listen({ onReconnect: resolve }));
    await server.kill();
    await server.restart();
    await back;
  }

  async function recreated(
    application: TestApplication,
    act: () => Promise<void>,
    count: number,
  ): Promise<void> {
    const names: string[] = [];
    application.app.get(JetStreamEvents).all.subscribe((event) => {
      if (event.type === 'resource-recreated') names.push(event.name);
    });
    await act();
    await eventually(
      () => names,
      (all) => all.length === count,
      20_000,
    );
  }

  it.each(FORMS)('%s: continues with the new stream, from its start, twice', async (_, options) => {
    const seen: number[] = [];
    @Injectable()
    class Reader {
      @JsConsumer({ stream: 'MEMORY', ...options } as JsConsumerOptions)
      on(@Payload() id: number | number[]): void {
        seen.push(...[id].flat());
      }
    }
    const start = (): Promise<TestApplication> =>
      startApplication(server.url, {
        connection: { reconnectTimeWait: 50 },
        feature: { streams: [{ name: 'MEMORY', subjects: ['memory'], ...MEMORY }] },
        providers: [Reader],
      });
    await using application = await start();
    const jetstream = application.app.get(JetStreamService);
    const publish = async (from: number, to: number): Promise<void> => {
      for (const id of range(from, to)) await jetstream.publish('memory', id);
      await eventually(
        () => seen,
        (ids) => ids.includes(to),
        8_000,
      );
    };
    const events: string[] = [];
    application.app.get(JetStreamEvents).all.subscribe(({ type }) => {
      if (type === 'consumer-lost' || type === 'consumer-recovered') events.push(type);
    });
    await publish(1, 50);
    for (const round of [1, 2]) {
      await recreated(application, () => restart(application), 1);
      await publish(100 * round + 1, 100 * round + 10);
    }
    expect(seen).toEqual([...range(1, 50), ...range(101, 110), ...range(201, 210)]);
    await eventually(
      () => events,
      (all) => all.filter((type) => type === 'consumer-recovered').length === 2,
    );
    expect(events).toEqual(['consumer-lost', 'consumer-recovered', 'consumer-lost', 'consumer-recovered']);
    expect(application.app.get(Handlers).get('Reader.on').status).toBe('running');
    await application.app.close();
    // The next one finds the consumer with its original configuration.
    await (await start()).app.close();
  });

  it('watches continue with the new buckets', async () => {
    const seen: string[] = [];
    @Injectable()
    class Watches {
      @KvWatch('values')
      onValue(@Ctx() { key, revision }: KvContext): void {
        seen.push(`key ${key} ${revision}`);
      }

      @ObjectWatch('files')
      onObject(@Payload() { name }: ObjectInfo): void {
        seen.push(`object ${name}`);
      }
    }
    await using application = await startApplication(server.url, {
      connection: { reconnectTimeWait: 50 },
      feature: {
        keyValues: [{ bucket: 'values', ...MEMORY }],
        objectStores: [{ bucket: 'files', ...MEMORY }],
      },
      providers: [Watches],
    });
    const values = application.app.get<KeyValue>(getKeyValueToken('values'));
    const files = application.app.get<ObjectStore>(getObjectStoreToken('files'));
    const write = async (round: number): Promise<void> => {
      for (const n of [1, 2, 3]) await values.put(`r${round}-${n}`, n);
      await files.putString(`r${round}`, 'x');
      await eventually(
        () => seen.filter((line) => line.includes(` r${round}`)),
        (lines) => lines.length === 4,
        20_000,
      );
    };
    await write(1);
    await recreated(application, () => restart(application), 2);
    await write(2);
    expect(seen.filter((line) => line.startsWith('key'))).toEqual(
      [1, 2].flatMap((round) => [1, 2, 3].map((n) => `key r${round}-${n} ${n}`)),
    );
    expect(seen.filter((line) => line.startsWith('object'))).toEqual(['object r1', 'object r2']);
  });
});

describe('push handlers of one group', () => {
  let server: NatsTestServer;
  let proxy: NatsTestProxy;
  let serial = 0;
  beforeAll(async () => {
    server = await NatsTestServer.start();
    proxy = await server.proxy();
  });
  afterAll(() => server.stop());

  const FAULTS: readonly [string, (jetstream: JetStreamService, stream: string) => Promise<unknown>][] = [
    ['its consumer is deleted', (jetstream, stream) => jetstream.deleteConsumer(stream, 'group')],
    [
      'its consumer is deleted and created again by another client',
      async (jetstream, stream) => {
        const { cachedInfo } = await jetstream.pushConsumer(stream, 'group');
        const { config } = cachedInfo;
        await jetstream.deleteConsumer(stream, 'group');
        await jetstream.createPushConsumer(stream, {
          durable: 'group',
          deliverSubject: config.deliverSubject,
          deliverGroup: config.deliverGroup ?? '',
          idleHeartbeat: 500,
        });
      },
    ],
    [
      'its consumer is created again with another subject',
      async (jetstream, stream) => {
        await jetstream.deleteConsumer(stream, 'group');
        await jetstream.createPushConsumer(stream, {
          durable: 'group',
          deliverSubject: `deliver.elsewhere.${stream}`,
          deliverGroup: 'workers',
        });
      },
    ],
    [
      'heartbeats are lost',
      async () => {
        proxy.halfOpen('from-server');
        await sleep(1_500);
        proxy.heal();
        proxy.cut();
      },
    ],
    [
      'its server is restarted, without its stream',
      async ({ connection }) => {
        const back = new Promise<void>((resolve) => connection.listen({ onReconnect: resolve }));
        await server.kill();
        await server.restart();
        await back;
      },
    ],
    [
      'its stream is deleted and created again',
      async (jetstream, stream) => {
        await jetstream.deleteStream(stream);
        await jetstream.createStream({ name: stream, subjects: [stream], ...MEMORY });
      },
    ],
  ];

  it.each(FAULTS)('continue after %s', async (_, fault) => {
    const stream = `GROUP_${++serial}`;
    const seen: number[] = [];
    @Injectable()
    class Worker {
      @JsConsumer({
        stream,
        durable: 'group',
        ackWait: 1_000,
        push: { deliverSubject: `deliver.${stream}`, deliverGroup: 'workers', idleHeartbeat: 500 },
      } as JsConsumerOptions)
      on(@Payload() id: number): void {
        seen.push(id);
      }
    }
    const feature = { streams: [{ name: stream, subjects: [stream], ...MEMORY }] };
    const options = { connection: { reconnectTimeWait: 50 }, feature, providers: [Worker] };
    await using first = await startApplication(proxy.url, options);
    await using second = await startApplication(proxy.url, options);
    await using observer = await startApplication(server.url, { connection: { reconnectTimeWait: 50 } });
    const jetstream = observer.app.get(JetStreamService);
    for (const id of range(1, 20)) await jetstream.publish(stream, id);
    await eventually(
      () => seen.length,
      (length) => length === 20,
    );
    await fault(jetstream, stream);
    await eventually(
      () => [first, second].map(({ app }) => app.get(Handlers).get('Worker.on').status),
      (all) => all.every((status) => status === 'running'),
      20_000,
    );
    await eventually(
      () => jetstream.stream(stream).catch(() => undefined),
      (found) => found !== undefined,
    );
    for (const id of range(101, 120)) await jetstream.publish(stream, id);
    await eventually(
      () => range(101, 120).every((id) => seen.includes(id)),
      (isDone) => isDone,
      25_000,
    );
    expect(seen.filter((id) => id > 100)).toHaveLength(20);
  });
});

describe("a link that is cut, with ackPolicy 'all'", () => {
  it.each<[string, Partial<JsConsumerOptions>]>([['batches', { batch: { size: 4, maxWait: 20 } }]])(
    'acknowledges no unfinished message: %s',
    async (_, options) => {
      await using server = await NatsTestServer.start();
      await using proxy = await server.proxy();
      const finished = new Set<number>();
      const total = 150;
      @Injectable()
      class Worker {
        @JsConsumer({
          stream: 'CUT',
          durable: 'worker',
          ackPolicy: 'all',
          ackWait: 1_000,
          ...options,
        } as JsConsumerOptions)
        async on(@Payload() payload: number | number[]): Promise<void> {
          const ids = [payload].flat();
          await sleep(5 + Math.random() * 20);
          for (const id of ids) finished.add(id);
        }
      }
      const feature = { streams: [{ name: 'CUT', subjects: ['cut'], ...MEMORY }] };
      await using observer = await startApplication(server.url, { feature });
      await using _application = await startApplication(proxy.url, {
        connection: { reconnectTimeWait: 20, reconnectJitter: 0 },
        feature,
        providers: [Worker],
      });
      const jetstream = observer.app.get(JetStreamService);
      const consumer = await jetstream.consumer('CUT', 'worker');
      const wrong: string[] = [];
      const publishing = (async () => {
        for (const id of range(1, total)) {
          await jetstream.publish('cut', id);
          await sleep(10);
        }
      })();
      for (let round = 0; round < 12; round++) {
        await sleep(100 + Math.random() * 100);
        // In some rounds, messages of the server are lost before the link breaks.
        if (round % 3 === 0) {
          proxy.halfOpen('from-server');
          await sleep(50);
          proxy.cut();
          proxy.heal();
        } else {
          proxy.cut();
        }
        const floor = (await consumer.info()).ackFloor.streamSequence;
        const unfinished = range(1, floor).filter((id) => !finished.has(id));
        if (unfinished.length > 0) wrong.push(`floor ${floor}, unfinished ${unfinished.join()}`);
      }
      await publishing;
      await eventually(
        () => consumer.info(),
        ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
        25_000,
      );
      expect(wrong).toEqual([]);
      expect([...finished].toSorted((a, b) => a - b)).toEqual(range(1, total));
    },
  );
});
