import { Injectable, Module } from '@nestjs/common';
import { JetStreamModule, JsConsumer } from 'nestjs-nats-jetstream';
import { JetStreamTestKit, TestKitHandlerError } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

@Injectable()
class Billing {
  thrown: unknown;

  @JsConsumer({ stream: 'ORDERS', durable: 'billing', deadLetter: true, retry: { maxDeliver: 1 } })
  onPlaced(): void {
    throw this.thrown;
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

const refuse = (): never => {
  throw new Error('a trap of the proxy');
};

const withFlow = (): Error => Object.defineProperty(new Error('has a flow'), 'flow', { value: 'its own' });

describe('A flow whose handler throws', () => {
  let kit: JetStreamTestKit;

  beforeAll(async () => {
    kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
  });

  afterAll(() => kit.close());

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'out of paper'],
    ['a frozen error', Object.freeze(new Error('frozen'))],
    ['an error with a flow of its own', withFlow()],
    ['a proxy that refuses everything', new Proxy({}, { get: refuse, defineProperty: refuse })],
  ])('%s rejects with it as the cause', async (_what, thrown) => {
    kit.get(Billing).thrown = thrown;
    const error: unknown = await kit
      .publish('orders.placed')
      .settled()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TestKitHandlerError);
    const { message, cause, flow } = error as TestKitHandlerError;
    expect(message).toContain('Billing.onPlaced failed with: ');
    expect(cause === thrown).toBe(true);
    expect(flow.deadLettered).toHaveLength(1);
  });

  it('an action of the test that throws a text rejects with it too', async () => {
    const flow = kit.track(() => Promise.reject('no paper'));
    await expect(flow.settled()).rejects.toThrow('The action of the test failed with: no paper');
  });
});
