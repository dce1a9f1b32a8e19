import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  defineMessage,
  InvalidArgumentError,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  KvWatch,
  NatsSubscribe,
  ObjectWatch,
} from 'nestjs-nats-jetstream';
import {
  type HandledSelector,
  JetStreamTestKit,
  TestKitAssertionError,
  type TestKitFlow,
  TestKitTimeoutError,
} from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';

@Injectable()
class Billing {
  @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: 'orders.placed', concurrency: 10 })
  async onPlaced(@Payload() { lasts }: { readonly lasts: number }): Promise<void> {
    await sleep(lasts);
  }
}

@Module({
  imports: [
    JetStreamModule.forRoot({}),
    JetStreamModule.forFeature({ streams: [{ name: 'ORDERS', subjects: ['orders.*'] }] }),
  ],
  providers: [Billing],
})
class OrdersModule {}

/** Handlers with and without patterns, of each kind of source. */
@Injectable()
class Listeners {
  @JsConsumer({ stream: 'STOCK', durable: 'stock' })
  onStock(): void {}

  @NatsSubscribe('ticks.*')
  onTick(): void {}

  @KvWatch('prices', { keys: 'fruit.*' })
  onPrice(): void {}

  @ObjectWatch('files')
  onFile(): void {}
}

@Module({
  imports: [
    JetStreamModule.forRoot({}),
    JetStreamModule.forFeature({
      streams: [{ name: 'STOCK', subjects: ['stock.>'] }],
      keyValues: [{ bucket: 'prices' }],
      objectStores: [{ bucket: 'files' }],
    }),
  ],
  providers: [Listeners],
})
class ListenersModule {}

/** An application that only publishes. */
@Module({
  imports: [
    JetStreamModule.forRoot({}),
    JetStreamModule.forFeature({ streams: [{ name: 'ORDERS', subjects: ['orders.*'] }] }),
  ],
})
class PublishingModule {}

const Shipped = defineMessage({ subject: 'shipments.:id.shipped' });

/** Publishes a message, and waits until its handler runs. */
async function running(kit: JetStreamTestKit, lasts: number): Promise<TestKitFlow> {
  const spy = kit.spyOn('Billing.onPlaced');
  const flow = kit.publish('orders.placed', { lasts });
  await eventually(
    () => spy.calls.length,
    (calls) => calls > 0,
  );
  spy.restore();
  return flow;
}

describe('expectNothing', () => {
  let kit: JetStreamTestKit;

  beforeAll(async () => {
    kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
  });

  afterAll(() => kit.close());

  it('refuses wrong options with their names', async () => {
    const wrong = (options: unknown): Promise<void> =>
      kit.expectNothing('Billing.onPlaced', options as never);
    await expect(wrong({ withn: 50 })).rejects.toThrow('withn');
    await expect(wrong({ within: '50' })).rejects.toThrow('Invalid within');
    await expect(wrong(null)).rejects.toThrow('null is not an object');
    await expect(kit.expectNothing({ subject: '' })).rejects.toThrow('Invalid subject');
  });

  it.each(['a name', 'a subject', 'nothing'])(
    'rejects for a handler that still runs, selected by %s',
    async (by) => {
      const flow = await running(kit, 1_000);
      const selector = { 'a name': 'Billing.onPlaced', 'a subject': { subject: 'orders.*' } }[by];
      const error: unknown = await kit
        .expectNothing(selector, { within: 200 })
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(TestKitAssertionError);
      expect((error as Error).message).toMatch(
        /but there was one: Billing\.onPlaced: "orders\.placed" \(ORDERS, sequence \d+\) has been running for \d+ ms/,
      );
      await flow.settled();
    },
  );

  it('waits for the end of a handler that still runs, if the selector depends on it', async () => {
    const flow = await running(kit, 1_100);
    const failed = kit.expectNothing({ handler: 'Billing.onPlaced', outcome: 'terminated' }, { within: 200 });
    const long = kit.expectNothing({ payload: { lasts: 1_100 } }, { within: 200 });
    const accepted = kit.expectNothing(({ duration }) => duration > 400, { within: 200 });
    await expect(long).rejects.toThrow('acked in delivery 1');
    await expect(accepted).rejects.toThrow('that the function accepts for 200 ms');
    await failed;
    await flow.settled();
  });

  it('times out if that handler does not end', async () => {
    await using hanging = await JetStreamTestKit.start({ imports: [OrdersModule], timeout: 300 });
    const flow = await running(hanging, 2_000);
    const error: unknown = await hanging
      .expectNothing({ outcome: 'terminated' }, { within: 200 })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TestKitTimeoutError);
    expect((error as Error).message).toContain(
      "no delivery with outcome 'terminated' is not known after 300 ms",
    );
    await flow.settled({ timeout: 5_000 });
  });
});

describe('expectNothing of what no handler receives', () => {
  let kit: JetStreamTestKit;
  let listening: JetStreamTestKit;

  beforeAll(async () => {
    kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
    listening = await JetStreamTestKit.start({ imports: [ListenersModule] });
  });

  afterAll(async () => {
    await kit.close();
    await listening.close();
  });

  it.each<[string, HandledSelector, string]>([
    [
      'a subject that nothing stores',
      { subject: 'nowhere' },
      'no handler of the application receives "nowhere"',
    ],
    [
      'a subject of the stream only',
      { subject: 'orders.paid' },
      'no handler of the application receives "orders.paid"',
    ],
    ['a contract', Shipped, 'no handler of the application receives "shipments.*.shipped"'],
    [
      'a subject of another handler',
      { handler: 'Billing.onPlaced', subject: 'orders.paid' },
      'Billing.onPlaced does not receive "orders.paid"',
    ],
  ])('is refused: %s', async (_, selector, problem) => {
    const error: unknown = await kit
      .expectNothing(selector, { within: 20 })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect((error as Error).message).toContain(
      `Invalid subject: ${problem}, so the expectation could not fail.`,
    );
    expect((error as Error).message).toContain('Handlers receive: Billing.onPlaced: "orders.placed".');
    expect((error as Error).message).toContain('kit.expectNothingPublished()');
  });

  it.each(['orders.placed', 'orders.*', '*.placed', '>'])(
    'accepts %s, which a handler receives',
    async (subject) => {
      await kit.expectNothing({ subject }, { within: 20 });
    },
  );

  it.each(['stock.a', 'ticks.1', 'fruit.apple', 'any file'])(
    'knows what listeners receive: %s',
    async (subject) => {
      await listening.expectNothing({ subject }, { within: 20 });
    },
  );

  it.each(['Listeners.onStock', 'Listeners.onTick', 'Listeners.onPrice'])(
    'knows that %s does not receive other subjects',
    async (handler) => {
      await expect(listening.expectNothing({ handler, subject: 'other.a' })).rejects.toThrow(
        `${handler} does not receive "other.a"`,
      );
    },
  );

  it('is refused without a subject too, if the application has no handlers', async () => {
    await using publishing = await JetStreamTestKit.start({ imports: [PublishingModule] });
    await expect(publishing.expectNothing()).rejects.toThrow(
      'the application has no handler that receives messages',
    );
  });
});

describe('expectNothingPublished', () => {
  let kit: JetStreamTestKit;

  beforeAll(async () => {
    kit = await JetStreamTestKit.start({ imports: [PublishingModule] });
  });

  afterAll(() => kit.close());

  const publish = (subject: string, payload?: unknown): Promise<unknown> =>
    kit.get(JetStreamService).publish(subject, payload);

  it('resolves if nothing is published to the subject', async () => {
    const nothing = kit.expectNothingPublished('orders.paid', { within: 200 });
    await publish('orders.placed', { id: 1 });
    await nothing;
  });

  it.each<[string, string | typeof Shipped, string]>([
    ['a subject of a stream', 'orders.paid', 'orders.paid'],
    ['a wildcard', 'orders.*', 'orders.paid'],
    ['a subject that no stream stores', 'nowhere', 'nowhere'],
    ['a contract', Shipped, 'shipments.7.shipped'],
  ])('rejects at once for %s', async (_, selector, subject) => {
    const nothing = kit.expectNothingPublished(selector, { within: 60_000 });
    const publishing = publish(subject, { id: 1 }).catch(() => undefined);
    const error: unknown = await nothing.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TestKitAssertionError);
    expect((error as Error).message).toContain(`there was one: "${subject}", payload { id: 1 }`);
    await publishing;
  });

  it('may depend on the payload', async () => {
    const other = kit.expectNothingPublished('orders.paid', { within: 200, payload: { id: 2 } });
    const same = kit.expectNothingPublished('orders.paid', { within: 60_000, payload: { id: 1 } });
    const text = same.catch(String);
    await publish('orders.paid', { id: 1, total: 5 });
    expect(await text).toContain('Expected no message to "orders.paid" with payload { id: 1 } for 60000 ms');
    await other;
  });

  it('rejects with the error of a matcher of the test', async () => {
    const payload = {
      asymmetricMatch: () => {
        throw new Error('not a matcher');
      },
    };
    const nothing = kit.expectNothingPublished('orders.paid', { within: 60_000, payload });
    const text = nothing.catch(String);
    await publish('orders.paid', 1);
    expect(await text).toContain('not a matcher');
  });

  it('refuses wrong arguments, and ends when the kit is closed', async () => {
    await expect(kit.expectNothingPublished('')).rejects.toThrow('Invalid subject');
    await expect(kit.expectNothingPublished('a', { withn: 5 } as never)).rejects.toThrow('withn');
    const own = await JetStreamTestKit.start({ imports: [PublishingModule] });
    const nothing = own
      .expectNothingPublished('orders.paid', { within: 60_000 })
      .catch((thrown: unknown) => thrown);
    await own.close();
    expect(String(await nothing)).toContain('Whether there was no message to "orders.paid" is not known.');
    await expect(own.expectNothingPublished('orders.paid')).rejects.toThrow('it is closed');
  });
});
