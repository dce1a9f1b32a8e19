import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { JetStreamModule, JetStreamService, JsConsumer, type JetStreamContext } from 'nestjs-nats-jetstream';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogRecorder } from '../../support/log-recorder.js';

/** The ack wait of a message ends one second after its delivery. */
const LATE = { stream: 'ORDERS', ackWait: 1_000, maxProcessingTime: 200, concurrency: 5 } as const;

interface Work {
  /** How long each delivery takes, in milliseconds. */
  readonly lasts: readonly number[];
  /** The deliveries that fail. */
  readonly fails?: readonly number[];
}

@Injectable()
class Billing {
  @JsConsumer({ ...LATE, durable: 'late', filterSubjects: 'orders.late', retry: { backoff: [10] } })
  async onLate(@Payload() { lasts, fails = [] }: Work, @Ctx() context: JetStreamContext): Promise<void> {
    const { deliveryCount } = context.metadata;
    await sleep(lasts[deliveryCount - 1] ?? 0);
    if (fails.includes(deliveryCount)) throw new RangeError(`delivery ${deliveryCount} fails`);
  }

  @JsConsumer({ ...LATE, durable: 'single', filterSubjects: 'orders.single', retry: { maxDeliver: 1 } })
  async onSingle(@Payload() { lasts }: Work): Promise<void> {
    await sleep(lasts[0] ?? 0);
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

describe('A message that is settled after maxProcessingTime', () => {
  let kit: JetStreamTestKit;

  beforeAll(async () => {
    kit = await JetStreamTestKit.start({
      imports: [OrdersModule],
      timeout: 15_000,
      logger: new LogRecorder(),
    });
  });

  afterAll(() => kit.close());

  const ends = async (subject: string, work: Work): Promise<readonly (readonly [number, string])[]> => {
    const { handled } = await kit.publish(subject, work).settled({ errors: 'return' });
    return handled.map(({ deliveryCount, outcome }) => [deliveryCount, outcome]);
  };

  /** The messages that the server has to deliver, or whose acknowledgement it awaits. */
  const leftOn = async (durable: string): Promise<readonly number[]> => {
    const consumer = await kit.get(JetStreamService).consumer('ORDERS', durable);
    const { numAckPending, numPending } = await consumer.info();
    return [numAckPending, numPending];
  };

  it('is acknowledged, if that is before its ack wait is over', async () => {
    expect(await ends('orders.late', { lasts: [600] })).toEqual([[1, 'acked']]);
    expect(await leftOn('late')).toEqual([0, 0]);
    await kit.expectNothing('Billing.onLate', { within: 1_500 });
  });

  it('is acknowledged, if no delivery is left after its ack wait', async () => {
    expect(await ends('orders.single', { lasts: [1_500] })).toEqual([[1, 'acked']]);
    expect(await leftOn('single')).toEqual([0, 0]);
  });

  it('is acknowledged, and the delivery that began in the meantime belongs to the flow', async () => {
    expect(await ends('orders.late', { lasts: [1_800, 1_500] })).toEqual([
      [1, 'acked'],
      [2, 'acked'],
    ]);
    expect(await leftOn('late')).toEqual([0, 0]);
    await kit.expectNothing('Billing.onLate', { within: 1_500 });
  });

  it('is settled by an earlier delivery, even if a later one fails', async () => {
    expect(await ends('orders.late', { lasts: [1_800, 1_500], fails: [2] })).toEqual([
      [1, 'acked'],
      [2, 'retried'],
    ]);
    expect(await leftOn('late')).toEqual([0, 0]);
    await kit.expectNothing('Billing.onLate', { within: 1_500 });
  });

  it('is settled by a later delivery, even if an earlier one fails', async () => {
    expect(await ends('orders.late', { lasts: [2_000, 10], fails: [1] })).toEqual([
      [2, 'acked'],
      [1, 'retried'],
    ]);
    expect(await leftOn('late')).toEqual([0, 0]);
    await kit.expectNothing('Billing.onLate', { within: 1_500 });
  });

  it('is delivered again, if it failed before its ack wait was over', async () => {
    expect(await ends('orders.late', { lasts: [600], fails: [1] })).toEqual([
      [1, 'retried'],
      [2, 'acked'],
    ]);
    expect(await leftOn('late')).toEqual([0, 0]);
  });
});
