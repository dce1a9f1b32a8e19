import { Injectable } from '@nestjs/common';
import {
  JetStreamService,
  JsConsumer,
  KeyValueService,
  KvWatch,
  type JetStreamModuleOptions,
} from 'nestjs-nats-jetstream';
import { JetStreamMetricsModule, type JetStreamMetricsModuleOptions } from 'nestjs-nats-jetstream/metrics';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { Scrape } from './scrape.js';

const PENDING = 'nats_consumer_num_pending';
const ELECTORATE = 'KV_jetstream-metrics';

@Injectable()
class Tasks {
  @JsConsumer({ stream: 'TASKS', durable: 'worker', concurrency: 1, maxMessages: 1 })
  onTask(): Promise<never> {
    return new Promise(() => undefined);
  }

  @JsConsumer({ stream: 'TASKS', ordered: true })
  onOrdered(): void {}

  @JsConsumer({
    stream: 'TASKS',
    durable: 'pushed',
    push: { deliverSubject: 'pushed', deliverGroup: 'tasks' },
  })
  onPushed(): void {}

  @KvWatch('settings')
  onSetting(): void {}
}

interface Instance extends TestApplication {
  readonly registry: Registry;
  scrape(): Promise<Scrape>;
}

async function start(
  url: string,
  metrics: JetStreamMetricsModuleOptions,
  {
    connection,
    options,
  }: { readonly connection?: object; readonly options?: Omit<JetStreamModuleOptions, 'connection'> } = {},
): Promise<Instance> {
  const registry = new Registry();
  const application = await startApplication(url, {
    imports: [JetStreamMetricsModule.forRoot({ registry, ...metrics })],
    connection,
    options: { shutdownTimeout: 200, ...options },
    feature: {
      streams: [{ name: 'TASKS', subjects: ['tasks.>'], storage: 'memory', maxMessages: 1_000 }],
      keyValues: [{ bucket: 'settings', storage: 'memory' }],
    },
    providers: [Tasks],
  });
  return { ...application, registry, scrape: () => Scrape.of(registry) };
}

/** The instances of which a scrape shows the state of the server. */
async function readers(instances: readonly Instance[]): Promise<number[]> {
  const scrapes = await Promise.all(instances.map((instance) => instance.scrape()));
  return scrapes.flatMap((scrape, i) => (scrape.samples(PENDING).length > 0 ? [i] : []));
}

describe.each(['2.15', '2.10', '2.9'])('the state of streams and consumers on nats-server %s', (version) => {
  let server: NatsTestServer;
  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());

  it('has the names and values of prometheus-nats-exporter', async () => {
    await using instance = await start(server.url, { server: 'every' });
    const jetstream = instance.app.get(JetStreamService);
    for (let id = 1; id <= 20; id++) await jetstream.publish(`tasks.${id % 4}`, id);
    await instance.app
      .get(KeyValueService)
      .open('settings')
      .then((bucket) => bucket.put('a', 1));
    const consumer = await jetstream.consumer('TASKS', 'worker');
    await eventually(
      () => consumer.info(),
      ({ numAckPending }) => numAckPending === 1,
    );
    const scrape = await instance.scrape();
    const info = await consumer.info();
    const worker = { stream_name: 'TASKS', consumer_name: 'worker', is_consumer_leader: 'true' };
    expect(scrape.sum(PENDING, worker)).toBe(info.numPending);
    expect(scrape.sum('nats_consumer_num_ack_pending', worker)).toBe(1);
    expect(scrape.sum('nats_consumer_num_redelivered', worker)).toBe(0);
    expect(scrape.sum('nats_consumer_delivered_consumer_seq', worker)).toBe(info.delivered.consumerSequence);
    expect(scrape.sum('nats_consumer_delivered_stream_seq', worker)).toBe(info.delivered.streamSequence);
    expect(scrape.samples('nats_consumer_num_waiting', worker)).toHaveLength(1);
    // The consumer of an ordered handler has another name after each start.
    expect(
      Object.keys(scrape.by('consumer_name', 'nats_consumer_delivered_consumer_seq')).toSorted(),
    ).toEqual(['pushed', 'worker']);
    const { state } = (await jetstream.stream('TASKS')).cachedInfo;
    const tasks = { stream_name: 'TASKS', is_stream_leader: 'true' };
    expect(scrape.sum('nats_stream_total_messages', tasks)).toBe(20);
    expect(scrape.sum('nats_stream_total_bytes', tasks)).toBe(state.bytes);
    expect(scrape.sum('nats_stream_last_seq', tasks)).toBe(20);
    expect(scrape.sum('nats_stream_subject_count', tasks)).toBe(4);
    expect(scrape.sum('nats_stream_consumer_count', tasks)).toBe(state.consumers);
    expect(scrape.sum('nats_stream_limit_messages', tasks)).toBe(1_000);
    expect(scrape.by('stream_name', 'nats_stream_total_messages')).toEqual({ TASKS: 20, KV_settings: 1 });
  });

  it('is read once for all metrics, and again after five seconds only', async () => {
    await using own = await NatsTestServer.start({ version, config: { trace: true } });
    await using instance = await start(own.url, { server: 'every' });
    const reads = async (): Promise<number> =>
      (await own.log()).match(/\[PUB \$JS\.API\.CONSUMER\.INFO\.TASKS\.worker/g)?.length ?? 0;
    const before = await reads();
    await instance.scrape();
    await instance.scrape();
    await instance.scrape();
    expect((await reads()) - before).toBe(1);
  });

  it('is not read at all if that is off', async () => {
    await using instance = await start(server.url, { server: 'off' });
    expect((await instance.scrape()).names.filter((name) => /^nats_(stream|consumer)_/.test(name))).toEqual(
      [],
    );
  });

  it('is read by one instance of a service, and by another one when that has ended', async () => {
    await using own = await NatsTestServer.start({ version });
    const first = await start(own.url, {});
    await using second = await start(own.url, {});
    await using third = await start(own.url, {});
    const all = [first, second, third];
    const [leader = 0] = await eventually(
      () => readers(all),
      ({ length }) => length === 1,
    );
    expect(await readers(all)).toEqual([leader]);
    await all[leader]?.app.close();
    const others = all.filter((_, i) => i !== leader);
    await eventually(
      () => readers(others),
      ({ length }) => length === 1,
    );
    await first.app.close();
  });

  it('is read by one instance of each of two services that share the bucket of the election', async () => {
    await using own = await NatsTestServer.start({ version });
    await using tasks = await start(own.url, {});
    const registry = new Registry();
    @Injectable()
    class Other {
      @JsConsumer({ stream: 'OTHER', durable: 'other' })
      onMessage(): void {}
    }
    await using _ = await startApplication(own.url, {
      imports: [JetStreamMetricsModule.forRoot({ registry })],
      feature: { streams: [{ name: 'OTHER', subjects: ['other'], storage: 'memory' }] },
      providers: [Other],
    });
    const ours = await eventually(
      () => tasks.scrape(),
      (scrape) => scrape.samples(PENDING).length > 0,
    );
    const others = await eventually(
      () => Scrape.of(registry),
      (scrape) => scrape.samples(PENDING).length > 0,
    );
    expect(ours.samples(PENDING, { stream_name: 'OTHER' })).toEqual([]);
    expect(others.samples(PENDING, { stream_name: 'TASKS' })).toEqual([]);
  });

  it('leaves the bucket of the election alone until the first scrape', async () => {
    await using own = await NatsTestServer.start({ version });
    await using instance = await start(own.url, { leaderBucket: 'readers' });
    const names = async (): Promise<string[]> => {
      const found: string[] = [];
      for await (const name of instance.app.get(JetStreamService).streamNames()) found.push(name);
      return found.toSorted();
    };
    expect(await names()).toEqual(['KV_settings', 'TASKS']);
    await eventually(
      () => readers([instance]),
      ({ length }) => length === 1,
    );
    expect(await names()).toEqual(['KV_readers', 'KV_settings', 'TASKS']);
  });
});

describe('if the server does not allow or answer it', () => {
  const startDenying = (deny: string): Promise<NatsTestServer> =>
    NatsTestServer.start({ users: [{ user: 'u', permissions: { publish: { deny } } }], noAuthUser: 'u' });

  it.each([
    ['the creation of the bucket', '$JS.API.STREAM.CREATE.KV_jetstream-metrics'],
    ['writing to the bucket', '$KV.jetstream-metrics.>'],
    ['watching the bucket', `$JS.API.CONSUMER.CREATE.${ELECTORATE}.>`],
  ])('no permission for %s: it warns once, and is off', async (_what, deny) => {
    await using server = await startDenying(deny);
    await using instance = await start(server.url, {}, { options: { jetstream: { timeout: 1_000 } } });
    const warnings = (): string[] => instance.logs.of('warn', 'JetStreamMetrics');
    await eventually(
      async () => {
        await instance.scrape();
        return warnings();
      },
      ({ length }) => length > 0,
    );
    for (let scrape = 0; scrape < 3; scrape++) await instance.scrape();
    expect(warnings()).toEqual([
      expect.stringMatching(
        /^The metrics of streams and consumers on connection "default" are off in this instance, because it cannot take part in the election in bucket "jetstream-metrics": /,
      ),
    ]);
    expect(instance.logs.of('warn', 'LeaderElection')).toEqual([]);
    expect((await instance.scrape()).sum('nats_jetstream_connection_state')).toBe(1);
  });

  it("a missing bucket with provisioning 'assert': it warns once, and is off", async () => {
    await using server = await NatsTestServer.start();
    await using first = await start(server.url, { server: 'off' });
    await using instance = await start(server.url, {}, { options: { provisioning: 'assert' } });
    await eventually(
      async () => {
        await instance.scrape();
        return instance.logs.of('warn', 'JetStreamMetrics');
      },
      ({ length }) => length === 1,
    );
    expect(first.logs.of('warn', 'JetStreamMetrics')).toEqual([]);
  });

  it('no JetStream: it warns once, and is off', async () => {
    await using server = await NatsTestServer.start({ jetstream: false });
    const registry = new Registry();
    await using application = await startApplication(server.url, {
      imports: [JetStreamMetricsModule.forRoot({ registry })],
    });
    await eventually(
      async () => {
        await registry.metrics();
        return application.logs.of('warn', 'JetStreamMetrics');
      },
      ({ length }) => length === 1,
    );
    for (let scrape = 0; scrape < 3; scrape++) await registry.metrics();
    expect(application.logs.of('warn', 'JetStreamMetrics')).toHaveLength(1);
  });

  it('no permission to read a consumer: that one is missing, and is reported once', async () => {
    await using server = await startDenying('$JS.API.STREAM.INFO.KV_settings');
    const registry = new Registry();
    await using application = await startApplication(server.url, {
      imports: [JetStreamMetricsModule.forRoot({ registry, server: 'every' })],
      options: { provisioning: 'off' },
    });
    const jetstream = application.app.get(JetStreamService);
    await jetstream.createStream({ name: 'TASKS', subjects: ['tasks'], storage: 'memory' });
    jetstream.declarations.declare({ name: 'TASKS' }, undefined);
    jetstream.declarations.declare({ name: 'KV_settings' }, undefined);
    const scrape = await Scrape.of(registry);
    expect(scrape.samples('nats_stream_total_messages').map(({ labels }) => labels?.stream_name)).toEqual([
      'TASKS',
    ]);
    expect(application.logs.of('warn', 'JetStreamMetrics')).toEqual([
      expect.stringContaining(
        'Stream "KV_settings" (connection "default") is missing in the metrics, also in later scrapes',
      ),
    ]);
  });

  it('a frozen server delays a scrape for two seconds, and only state of the server is missing', async () => {
    await using server = await NatsTestServer.start();
    await using instance = await start(server.url, { server: 'every' });
    server.pause();
    const startedAt = performance.now();
    const scrape = await instance.scrape();
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(scrape.samples(PENDING)).toEqual([]);
    expect(scrape.by('state', 'nats_jetstream_connection_state')).toEqual({ connected: 1 });
    server.resume();
  });

  it('a lost server does not delay a scrape', async () => {
    await using server = await NatsTestServer.start();
    await using instance = await start(server.url, { server: 'every' });
    await server.kill();
    await eventually(
      () => instance.app.get(JetStreamService).status.state,
      (state) => state === 'disconnected',
    );
    const startedAt = performance.now();
    const scrape = await instance.scrape();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(scrape.by('state', 'nats_jetstream_connection_state')).toEqual({ disconnected: 1 });
  });
});
