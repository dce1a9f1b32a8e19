import { JetStreamModule } from 'nestjs-nats-jetstream';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import 'nestjs-nats-jetstream/testing/vitest';
import { expect, it } from 'vitest';
import { Billing, OrderCancelled, OrderPlaced, ShopModule } from './contracts.js';

it('The guide of the test kit shows contracts', async () => {
  await using kit = await JetStreamTestKit.start({
    imports: [JetStreamModule.forRoot({}), ShopModule],
    providers: [Billing],
  });
  // #region contracts
  const order = { customer: 'Sue', total: 12.5, at: new Date() };
  const flow = await kit.publish(OrderPlaced, { id: '7' }, order).settled();
  expect(flow).toHavePublished(OrderPlaced, { total: 12.5 });
  expect(flow).toHaveHandled('Billing.onPlaced', { subject: OrderPlaced, outcome: 'acked' });

  const { params, payload } = await kit.handled(OrderPlaced, { params: { id: '7' } });
  expect(params.id).toBe('7');
  expect(payload.at).toEqual(order.at); // a Date, as the schema returns it
  await kit.expectNothingPublished(OrderCancelled, { within: 50 });
  // #endregion
});
