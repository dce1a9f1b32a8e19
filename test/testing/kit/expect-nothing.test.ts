import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JetStreamModule, JsConsumer } from 'nestjs-nats-jetstream';
import {
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
