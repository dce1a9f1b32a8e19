import { Module } from '@nestjs/common';
import { JetStreamModule, JsConsumer } from 'nestjs-nats-jetstream';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import 'nestjs-nats-jetstream/testing/jest';

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

test('a test kit follows a message in an ES module of Jest', async () => {
  const kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
  const flow = await kit.publish('orders.1', { id: 1 }).settled();
  expect(flow).toHaveHandled('Billing.onPlaced', { outcome: 'acked', payload: { id: 1 } });
  await kit.close();
});
