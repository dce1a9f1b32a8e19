import { Injectable, Module, Scope } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JetStreamModule, JsConsumer } from 'nestjs-nats-jetstream';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

class Base {
  @JsConsumer({ stream: 'ORDERS', durable: 'inherited', filterSubjects: 'orders.inherited' })
  onInherited(@Payload() _id: number): string {
    return 'of the base';
  }
}

@Injectable()
class Billing extends Base {
  @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: 'orders.placed' })
  onPlaced(@Payload() id: number): number {
    return id;
  }
}

@Injectable({ scope: Scope.REQUEST })
class Scoped {
  @JsConsumer({ stream: 'ORDERS', durable: 'scoped', filterSubjects: 'orders.scoped' })
  onScoped(@Payload() _id: number): string {
    return 'of an instance';
  }
}

@Module({
  imports: [
    JetStreamModule.forRoot({}),
    JetStreamModule.forFeature({ streams: [{ name: 'ORDERS', subjects: ['orders.*'] }] }),
  ],
  providers: [Billing, Scoped],
})
class OrdersModule {}

describe('Spies of a kit', () => {
  let kit: JetStreamTestKit;

  beforeAll(async () => {
    kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
  });

  afterEach(() => vi.restoreAllMocks());

  afterAll(() => kit.close());

  it.each([
    ['Billing.onInherited', 'orders.inherited', 'of the base'],
    ['Scoped.onScoped', 'orders.scoped', 'of an instance'],
  ])('record the calls of %s', async (handler, subject, value) => {
    const spy = kit.spyOn(handler);
    await kit.publish(subject, 1).settled();
    expect(spy).toHaveBeenCalledExactlyOnceWith(1);
    expect(spy).toHaveReturnedWith(value);
    spy.restore();
    await kit.publish(subject, 2).settled();
    expect(spy).toHaveBeenCalledOnce();
  });

  it('and those of the test runner see the calls of each other, in any order', () => {
    const billing = kit.get(Billing);
    const first = kit.spyOn('Billing.onPlaced');
    const second = vi.spyOn(billing, 'onPlaced');
    const third = kit.spyOn('Billing.onPlaced');
    expect(billing.onPlaced(1)).toBe(1);
    for (const spy of [first, second, third]) expect(spy).toHaveBeenCalledExactlyOnceWith(1);
    second.mockReturnValue(7);
    expect(billing.onPlaced(2)).toBe(7);
    expect(first).toHaveBeenCalledOnce();
    first.restore();
    third.restore();
    expect(billing.onPlaced(3)).toBe(7);
    second.mockRestore();
    expect(billing.onPlaced(4)).toBe(4);
    expect([first, third].map(({ calls }) => calls.length)).toEqual([1, 2]);
  });
});
