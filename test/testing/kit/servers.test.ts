import { Controller, type INestApplication, Inject, Injectable, Module } from '@nestjs/common';
import { ClientsModule, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { InjectJetStream, JetStreamModule, JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import {
  JetStreamClient,
  JetStreamServer,
  type JetStreamServerOptions,
} from 'nestjs-nats-jetstream/microservice';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import 'nestjs-nats-jetstream/testing/vitest';
import { firstValueFrom } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually } from '../../support/eventually.js';

/** A connection that a test cannot use. */
const PRODUCTION = { servers: 'nats://production.invalid:4222', user: 'sums', pass: 'secret' };

/** The server of the application as it is in production: three replicas, in a domain, of streams that another team creates. */
const SERVER: JetStreamServerOptions = {
  name: 'sums',
  connection: PRODUCTION,
  jetstream: { domain: 'hub' },
  provisioning: 'assert',
  streams: [{ name: 'AUDIT', subjects: ['audit.>'], replicas: 3, provisioning: 'off' }],
  events: { replicas: 3 },
  shutdownTimeout: 60_000,
};

@Controller()
class Sums {
  private left: number | undefined;

  constructor(
    @InjectJetStream() private readonly jetstream: JetStreamService,
    @Inject('OWN') private readonly client: JetStreamClient,
  ) {}

  @MessagePattern('sum')
  async sum(@Payload() numbers: readonly number[]): Promise<number> {
    await firstValueFrom(this.client.emit('audit.sum', numbers));
    return numbers.reduce((sum, number) => sum + number, 0);
  }

  @EventPattern('audit.sum')
  async onSum(@Payload() numbers: readonly number[]): Promise<void> {
    await this.jetstream.publish('archive.sums', numbers.length);
  }

  @EventPattern('audit.failing', { replicas: 3, retry: { backoff: [5_000] } })
  onFailing(@Payload() failures: { readonly left: number }): void {
    this.left = (this.left ?? failures.left) - 1;
    if (this.left >= 0) throw new RangeError('not yet');
  }

  @EventPattern('audit.hanging')
  onHanging(@Payload() _data: unknown): Promise<void> {
    return new Promise(() => undefined);
  }
}

@Injectable()
class Archive {
  @JsConsumer({ stream: 'ARCHIVE', durable: 'archive' })
  onSum(): void {}
}

@Module({
  imports: [
    JetStreamModule.forRoot({ connection: PRODUCTION }),
    JetStreamModule.forFeature({ streams: [{ name: 'ARCHIVE', subjects: ['archive.>'] }] }),
    ClientsModule.register([
      { name: 'OWN', customClass: JetStreamClient, options: { connection: PRODUCTION } },
    ]),
  ],
  controllers: [Sums],
  providers: [Archive],
})
class SumsModule {}

const connected = async (app: INestApplication, options: JetStreamServerOptions): Promise<void> => {
  app.connectMicroservice({ strategy: new JetStreamServer(options) });
  await app.startAllMicroservices();
};

afterEach(() => vi.unstubAllEnvs());

describe('A server of microservices with a connection of its own', () => {
  let kit: JetStreamTestKit;
  let client: JetStreamClient;

  beforeAll(async () => {
    kit = await JetStreamTestKit.start({
      imports: [SumsModule],
      http: true,
      timeScale: 0.01,
      configure: (app) => connected(app, SERVER),
    });
    client = new JetStreamClient({ connection: kit.get(JetStreamService) });
    await client.connect();
  });

  afterAll(async () => {
    await client.close();
    await kit.close();
  });

  it('uses the account of the kit, and its requests and events belong to flows', async () => {
    const tracked = kit.track(() => firstValueFrom(client.send<number>('sum', [1, 2])));
    const flow = await tracked.settled();
    expect(await tracked.result).toBe(3);
    const handled = flow.handled.map(({ handler, outcome }) => `${handler}: ${outcome}`);
    expect(handled.toSorted()).toEqual([
      "@EventPattern('audit.sum'): acked",
      'Archive.onSum: acked',
      'sums: sum: answered',
    ]);
  });

  it('creates its streams and consumers, with one replica', async () => {
    const jetstream = kit.get(JetStreamService);
    const stream = await jetstream.stream('AUDIT');
    expect(stream.cachedInfo.config.replicas).toBe(1);
    const replicas: (number | undefined)[] = [];
    for await (const { config } of jetstream.listConsumers('AUDIT')) replicas.push(config.replicas);
    expect(replicas).toHaveLength(3);
    expect(replicas.every((count = 1) => count <= 1)).toBe(true);
  });

  it('has the shortened delays of the kit', async () => {
    const flow = await kit.publish('audit.failing', { left: 1 }).settled({ timeout: 4_000 });
    expect(flow.handled.map(({ outcome }) => outcome)).toEqual(['retried', 'acked']);
  });

  it('can be spied on and replaced', async () => {
    const spy = kit.spyOn('Sums.sum');
    const restore = kit.replace("@EventPattern('audit.sum')", () => undefined);
    const flow = await kit.track(() => firstValueFrom(client.send<number>('sum', [3]))).settled();
    restore();
    expect(spy).toHaveBeenCalledWith([3]);
    expect(flow.handled.map(({ handler }) => handler)).not.toContain('Archive.onSum');
  });

  it('does not delay the end of a test by a handler that hangs', async () => {
    const own = await JetStreamTestKit.start({
      imports: [SumsModule],
      http: true,
      configure: (app) => connected(app, SERVER),
    });
    const spy = own.spyOn('Sums.onHanging');
    await own.publish('audit.hanging').result;
    await eventually(
      () => spy.calls.length,
      (calls) => calls > 0,
    );
    const startedAt = performance.now();
    await own.close();
    expect(performance.now() - startedAt).toBeLessThan(8_000);
  });

  it('is connected regardless of JETSTREAM_CONNECT, like a client', async () => {
    vi.stubEnv('JETSTREAM_CONNECT', 'false');
    await using own = await JetStreamTestKit.start({
      imports: [SumsModule],
      http: true,
      configure: (app) => connected(app, SERVER),
    });
    const flow = await own
      .track(() => firstValueFrom(own.get<JetStreamClient>('OWN').send('sum', [1])))
      .settled();
    expect(flow).toHaveHandled("@EventPattern('audit.sum')", { outcome: 'acked' });
  });

  it('is redirected in another application of the kit too', async () => {
    await using own = await JetStreamTestKit.start({ imports: [SumsModule] });
    const compiled = await own.prepare(Test.createTestingModule({ imports: [SumsModule] })).compile();
    const app = compiled.createNestApplication();
    await connected(app, { ...SERVER, name: 'others' });
    await app.init();
    await own.alsoTrack(app);
    expect(await own.publish('audit.sum', [1]).settled()).toHaveHandled("@EventPattern('audit.sum')");
  });

  it('that shares the connection of the application has one replica and creates its streams too', async () => {
    await using own = await JetStreamTestKit.start({
      imports: [SumsModule],
      http: true,
      configure: (app) => {
        const { jetstream: _, ...options } = SERVER;
        return connected(app, { ...options, connection: app.get(JetStreamService) });
      },
    });
    expect(await own.publish('audit.sum', [1]).settled()).toHaveHandled("@EventPattern('audit.sum')");
  });
});
