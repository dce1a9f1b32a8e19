import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type DynamicModule, Injectable, Module, type Type } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  getJetStreamToken,
  InjectJetStream,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  PublishTo,
} from 'nestjs-nats-jetstream';
import { connect } from 'nestjs-nats-jetstream/nats';
import { JetStreamTestKit, NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LogRecorder } from '../../support/log-recorder.js';

class Prices {
  of(id: number): number {
    return id * 2;
  }
}

@Injectable()
class Billing {
  readonly prices = new Prices();

  @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: 'orders.placed' })
  @PublishTo('orders.paid')
  onPlaced(@Payload() { id }: { readonly id: number }): { readonly price: number } {
    return { price: this.prices.of(id) };
  }
}

const forRoot = JetStreamModule.forRoot({
  connection: { servers: 'nats://production.invalid:4222', token: 'secret' },
});
const streams = { streams: [{ name: 'ORDERS', subjects: ['orders.*'] }] };

@Module({ imports: [forRoot, JetStreamModule.forFeature(streams)], providers: [Billing] })
class OrdersModule {}

@Injectable()
class Shipping {
  constructor(@InjectJetStream('other') private readonly jetstream: JetStreamService) {}

  @JsConsumer({ stream: 'ORDERS', durable: 'shipping', filterSubjects: 'orders.paid', connection: 'other' })
  async onPaid(): Promise<void> {
    await this.jetstream.publish('orders.shipped', {});
  }
}

@Module({
  imports: [
    JetStreamModule.forRoot({ name: 'other' }),
    JetStreamModule.forFeature({ ...streams, connection: 'other' }),
  ],
  providers: [Shipping],
})
class ShippingModule {}

describe('JetStreamTestKit', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    vi.useRealTimers();
  });

  it('gives each kit an account of its own, which is empty, on one server', async () => {
    await using first = await JetStreamTestKit.start({ imports: [OrdersModule] });
    await using second = await JetStreamTestKit.start({ imports: [OrdersModule] });
    expect(second.connection.servers).toBe(first.connection.servers);
    await first.publish('orders.placed', { id: 1 }).settled();
    const stream = await second.get(JetStreamService).stream('ORDERS');
    expect((await stream.info()).state.messages).toBe(0);
  });

  it('starts another server when all accounts of the first are in use', { timeout: 60_000 }, async () => {
    // The version separates these kits from those of the other tests.
    const start = (
      imports: (DynamicModule | Type)[] = [JetStreamModule.forRoot({})],
    ): Promise<JetStreamTestKit> => JetStreamTestKit.start({ imports, version: '2.9' });
    const startMany = (count: number): Promise<JetStreamTestKit[]> =>
      Promise.all(Array.from({ length: count }, () => start()));
    const serversOf = (kits: readonly JetStreamTestKit[]): Set<unknown> =>
      new Set(kits.map(({ connection }) => connection.servers));
    const kits = await startMany(40);
    const accounts = kits.map(({ connection: { servers, user } }) => `${user} on ${String(servers)}`);
    expect(new Set(accounts).size).toBe(40);
    expect(serversOf(kits).size).toBe(2);
    const both = await Promise.all([start([OrdersModule]), start([OrdersModule])]);
    const flows = await Promise.all(both.map((kit, id) => kit.publish('orders.placed', { id }).settled()));
    expect(flows.map(({ published }) => published.at(-1)?.payload)).toEqual([{ price: 0 }, { price: 2 }]);
    await Promise.all([...kits, ...both].map((kit) => kit.close()));
    const again = await startMany(33);
    expect(new Set([...serversOf(kits), ...serversOf(again)]).size).toBe(2);
    await Promise.all(again.map((kit) => kit.close()));
  });

  it('empties the account of a kit that is closed', async () => {
    const kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
    const { connection } = kit;
    await kit.close();
    await kit.close();
    const nc = await connect(connection);
    const reply = await nc.request('$JS.API.STREAM.NAMES', '');
    await nc.close();
    expect(reply.json<{ streams: unknown }>().streams ?? []).toEqual([]);
    expect(() => kit.publish('orders.placed')).toThrow('it is closed');
  });

  it('starts a module builder with overridden providers', async () => {
    const module = Test.createTestingModule({ imports: [OrdersModule] })
      .overrideProvider(Billing)
      .useValue(Object.assign(new Billing(), { prices: { of: () => 7 } }));
    await using kit = await JetStreamTestKit.start({ module });
    const flow = await kit.publish('orders.placed', { id: 1 }).settled();
    expect(flow.published.at(-1)?.payload).toEqual({ price: 7 });
  });

  it.each(['2.9', '2.10'])('runs on nats-server %s', async (version) => {
    await using kit = await JetStreamTestKit.start({ imports: [OrdersModule], version });
    expect(kit.serverVersion).toContain(`${version}.`);
    expect(kit.get(JetStreamService).connection.serverVersion).toBe(kit.serverVersion);
    await kit.publish('orders.placed', { id: 1 }).settled();
  });

  it('follows messages through another application', async () => {
    await using kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
    const builder = kit.prepare(Test.createTestingModule({ imports: [ShippingModule] }));
    const app = await (await builder.compile()).init();
    await kit.alsoTrack(app);
    const flow = await kit.publish('orders.placed', { id: 1 }).settled();
    expect(flow.handled.map(({ handler }) => handler)).toEqual(['Billing.onPlaced', 'Shipping.onPaid']);
    expect(flow.published.map(({ subject }) => subject)).toEqual([
      'orders.placed',
      'orders.paid',
      'orders.shipped',
    ]);
    expect(app.get<JetStreamService>(getJetStreamToken('other')).connection.name).toBe('other');
  });

  it('refuses another application that does not report to it', async () => {
    await using server = await NatsTestServer.start();
    await using kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
    const app = await Test.createTestingModule({
      imports: [JetStreamModule.forRoot({ connection: { servers: server.url } })],
    }).compile();
    await app.init();
    await expect(kit.alsoTrack(app)).rejects.toThrow('pass its module builder to kit.prepare()');
    await app.close();
    const empty = await Test.createTestingModule({}).compile();
    await expect(kit.alsoTrack(empty)).rejects.toThrow('does not import JetStreamModule.forRoot');
  });

  it.each([
    ['connect: false', false],
    ["connect: 'lazy'", 'lazy'],
    ['JETSTREAM_CONNECT=false', undefined],
  ] as const)('connects an application with %s', async (_, option) => {
    if (option === undefined) vi.stubEnv('JETSTREAM_CONNECT', 'false');
    const root = JetStreamModule.forRoot({ connect: option });
    await using kit = await JetStreamTestKit.start({
      imports: [root, JetStreamModule.forFeature(streams)],
      providers: [Billing],
    });
    expect((await kit.publish('orders.placed', { id: 1 }).settled()).handled).toHaveLength(1);
  });

  it('refuses wrong options', async () => {
    await expect(JetStreamTestKit.start({ imports: [] })).rejects.toThrow(
      'does not import JetStreamModule.forRoot',
    );
    await expect(JetStreamTestKit.start({ timeScale: 0 })).rejects.toThrow('timeScale');
    await expect(JetStreamTestKit.start({ version: 'newest' })).rejects.toThrow('"newest" is not a version');
    const module = Test.createTestingModule({ imports: [OrdersModule] });
    await expect(JetStreamTestKit.start({ module, imports: [] })).rejects.toThrow('it cannot be combined');
    const compiled = { compile: 1 };
    await expect(JetStreamTestKit.start({ module: compiled as never })).rejects.toThrow('a module builder');
  });

  it('returns the account of an application that does not start', async () => {
    @Injectable()
    class Broken {
      @JsConsumer({ stream: 'MISSING' })
      onMessage(): void {}
    }
    const start = (): Promise<JetStreamTestKit> =>
      JetStreamTestKit.start({ imports: [OrdersModule], providers: [Broken] });
    for (let i = 0; i < 3; i++) await expect(start()).rejects.toThrow('there is no stream "MISSING"');
    await using kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
    await kit.publish('orders.placed', { id: 1 }).settled();
  });

  it('records the calls of a handler, for expect too', async () => {
    await using kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
    const spy = kit.spyOn('Billing.onPlaced');
    await kit.publish('orders.placed', { id: 3 }).settled();
    expect(spy.calls).toEqual([[{ id: 3 }]]);
    expect(spy.results).toEqual([{ type: 'return', value: { price: 6 } }]);
    expect(spy).toHaveBeenCalledTimes(1);
    expect(spy).toHaveBeenCalledWith({ id: 3 });
    expect(spy).toHaveReturnedWith({ price: 6 });
    spy.restore();
    await kit.publish('orders.placed', { id: 4 }).settled();
    expect(spy.calls).toHaveLength(1);
    expect(() => kit.spyOn('Billing.onPayed')).toThrow('Billing.onPlaced');
  });

  it('replaces a handler until the kit is closed', async () => {
    const kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
    const billing = kit.get(Billing);
    kit.replace('Billing.onPlaced', ({ id }: { readonly id: number }) => ({ price: -id }));
    const flow = await kit.publish('orders.placed', { id: 5 }).settled();
    expect(flow.published.at(-1)?.payload).toEqual({ price: -5 });
    await kit.close();
    expect(billing.onPlaced({ id: 5 })).toEqual({ price: 10 });
  });

  it('restores spies and replaced handlers in any order', async () => {
    await using kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
    const billing = kit.get(Billing);
    const first = kit.spyOn('Billing.onPlaced');
    const restore = kit.replace('Billing.onPlaced', () => ({ price: 7 }));
    const last = kit.spyOn('Billing.onPlaced');
    expect(billing.onPlaced({ id: 1 })).toEqual({ price: 7 });
    first.restore();
    restore();
    expect(billing.onPlaced({ id: 1 })).toEqual({ price: 2 });
    expect([first.calls.length, last.calls.length]).toEqual([0, 2]);
    last.restore();
    last.restore();
    expect(billing.onPlaced({ id: 2 })).toEqual({ price: 4 });
    expect(Object.hasOwn(billing, 'onPlaced')).toBe(false);
  });

  it.each(['the prototype, before the start', 'the prototype', 'the instance'])(
    'sees a spy of the test runner on %s',
    async (place) => {
      const before = place.includes('before') ? vi.spyOn(Billing.prototype, 'onPlaced') : undefined;
      await using kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
      const spy =
        before ?? vi.spyOn(place === 'the instance' ? kit.get(Billing) : Billing.prototype, 'onPlaced');
      spy.mockReturnValue({ price: 99 });
      const flow = await kit.publish('orders.placed', { id: 1 }).settled();
      expect(spy).toHaveBeenCalledWith({ id: 1 });
      expect(flow.published.at(-1)?.payload).toEqual({ price: 99 });
    },
  );

  it('warns while fake timers are active', async () => {
    const logs = new LogRecorder();
    await using kit = await JetStreamTestKit.start({ imports: [OrdersModule], logger: logs });
    await kit.publish('orders.placed', { id: 1 }).settled();
    expect(logs.of('warn').join()).not.toContain('Fake timers');
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const flow = kit.publish('orders.placed', { id: 1 });
    vi.useRealTimers();
    await flow.settled();
    expect(logs.of('warn').join()).toContain('Fake timers are active');
  });

  it('follows a flow with fake dates', async () => {
    await using kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2030-01-01') });
    const flow = await kit.publish('orders.placed', { id: 1 }).settled();
    expect(flow.handled).toHaveLength(1);
  });

  it('does not keep its process alive after it is closed', { timeout: 60_000 }, async () => {
    const script = fileURLToPath(new URL('fixtures/closed-kit.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 30_000 });
    expect(stdout).toContain('closed: acked');
  });
});
