import assert from 'node:assert/strict';
import test from 'node:test';
import { Module } from '@nestjs/common';
import { JetStreamModule, JsConsumer } from 'nestjs-nats-jetstream';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';

class Billing {
  onPlaced() {}
}
const method = Object.getOwnPropertyDescriptor(Billing.prototype, 'onPlaced');
JsConsumer({ stream: 'ORDERS', durable: 'billing' })(Billing.prototype, 'onPlaced', method);

class OrdersModule {}
Module({
  imports: [
    JetStreamModule.forRoot({}),
    JetStreamModule.forFeature({ streams: [{ name: 'ORDERS', subjects: ['orders.*'] }] }),
  ],
  providers: [Billing],
})(OrdersModule);

test('a test kit follows a message in node:test', async () => {
  const kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
  const spy = kit.spyOn('Billing.onPlaced');
  const flow = await kit.publish('orders.1', { id: 1 }).settled();
  assert.deepEqual(
    flow.handled.map(({ handler, outcome }) => [handler, outcome]),
    [['Billing.onPlaced', 'acked']],
  );
  assert.deepEqual(spy.calls[0]?.[0], { id: 1 });
  await kit.close();
});
