import { DeadLetters, getKeyValueToken, JetStreamService, type KeyValue } from 'nestjs-nats-jetstream';
import { JetStreamTestKit, type TestFlow } from 'nestjs-nats-jetstream/testing';
import 'nestjs-nats-jetstream/testing/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { DECLINED_CARD, type Order, ShopModule, SLOW_CARD } from './shop.js';

/** How often all tests run; `stress.mjs` repeats them. */
const ROUNDS = Number(process.env.KIT_ROUNDS ?? 1);

let lastOrder = 0;

function order(changes: Partial<Order> = {}): Order {
  lastOrder++;
  return { id: `o${lastOrder}`, article: `a${lastOrder}`, count: 1, card: 'good', ...changes };
}

describe.each(Array.from({ length: ROUNDS }, (_, i) => i + 1))('A shop (round %i)', () => {
  let kit: JetStreamTestKit;

  beforeAll(async () => {
    // A busy machine may take longer than the default timeout.
    kit = await JetStreamTestKit.start({
      imports: [ShopModule],
      http: true,
      timeScale: 0.01,
      timeout: 25_000,
    });
  });

  afterAll(() => kit.close());

  const place = (placed: Order): Promise<TestFlow> =>
    kit.publish(`orders.${placed.id}.placed`, placed).settled();

  const post = (placed: Order): Promise<Response> =>
    fetch(`${kit.url}/orders`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(placed),
    });

  it('handles an order of an HTTP request to its end', async () => {
    const placed = order();
    const tracked = kit.track(() => post(placed));
    const flow = await tracked.settled();
    expect((await tracked.result).status).toBe(202);
    expect(flow).toHavePublished(`orders.${placed.id}.placed`, placed);
    expect(flow).toHaveHandled('Billing.onPlaced', { outcome: 'acked', payload: placed });
    expect(flow).toHaveHandled('Warehouse.onPaid', { outcome: 'acked' });
    expect(flow).toHaveHandled('Purchasing.onStock', { subject: placed.article, payload: 9 });
  });

  it('publishes the invoice of a paid order', async () => {
    const placed = order({ count: 2 });
    const flow = await place(placed);
    expect(flow).toHavePublished(`orders.${placed.id}.paid`, { order: placed.id, count: 2 });
  });

  it('counts each message of the flow in a batch', async () => {
    const flow = await place(order());
    expect(flow).toHaveHandled('Statistics.onOrders', { times: 2 });
  });

  it('waits for an order whose payment is retried', async () => {
    const flow = await place(order({ card: SLOW_CARD }));
    const attempts = flow.handled.filter(({ handler }) => handler === 'Billing.onPlaced');
    expect(attempts.map(({ outcome, deliveryCount }) => [outcome, deliveryCount])).toEqual([
      ['retried', 1],
      ['retried', 2],
      ['acked', 3],
    ]);
    expect(flow).toHaveHandled('Warehouse.onPaid');
  });

  it('rejects with the error of an order that is never paid', async () => {
    const placed = order({ card: DECLINED_CARD });
    const error: unknown = await place(placed).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'CardDeclinedError', message: `order ${placed.id}` });
    const { flow } = error as { readonly flow: TestFlow };
    expect(flow).toHaveDeadLettered({ handler: 'Billing.onPlaced', payload: placed });
    expect(flow).not.toHavePublished('orders.*.paid');
  });

  it('tells the alarms about a dead letter', async () => {
    const placed = order({ card: DECLINED_CARD });
    const flow = await kit.publish(`orders.${placed.id}.placed`, placed).settled({ errors: 'return' });
    expect(flow).toHaveHandled('Alarms.onDeadLetter', { times: 1 });
  });

  it('ships an order once although it is paid twice', async () => {
    const placed = order({ count: 3 });
    const stock = kit.get<KeyValue<number>>(String(getKeyValueToken('stock')));
    const paid = { order: placed.id, article: placed.article, count: 3 };
    await kit.publish(`orders.${placed.id}.paid`, paid).settled();
    const spy = kit.spyOn('Warehouse.onPaid');
    const second = await kit.publish(`orders.${placed.id}.paid`, paid).settled();
    expect(spy).not.toHaveBeenCalled();
    spy.restore();
    expect(second).toHaveHandled('Warehouse.onPaid', { outcome: 'acked' });
    expect(second).not.toHaveHandled('Purchasing.onStock');
    expect((await stock.get(placed.article))?.value).toBe(7);
  });

  it('orders articles that are sold out, in the flow of the order', async () => {
    const placed = order({ count: 12 });
    const flow = await place(placed);
    expect(flow).toHavePublished(`purchases.${placed.article}`, { article: placed.article, count: 2 });
  });

  it('handles many orders at once', async () => {
    const orders = Array.from({ length: 20 }, () => order());
    const flows = await Promise.all(orders.map((each) => place(each)));
    flows.forEach((flow, i) => {
      expect(
        flow.handled.every(({ subject }) => subject.includes(orders[i].id) || subject === orders[i].article),
      ).toBe(true);
      expect(flow).toHaveHandled('Warehouse.onPaid', { times: 1 });
    });
  });

  it('is idle when all orders are handled', async () => {
    const placed = order();
    await kit.get(JetStreamService).publish(`orders.${placed.id}.placed`, placed);
    await kit.idle();
    const handled = await kit.handled('Warehouse.onPaid', {
      subject: `orders.${placed.id}.paid`,
      timeout: 1,
    });
    expect(handled.outcome).toBe('acked');
  });

  it('replaces a payment', async () => {
    const restore = kit.replace('Billing.onPlaced', ({ id }: Order) => ({
      order: id,
      article: 'gift',
      count: 0,
    }));
    const flow = await place(order({ card: DECLINED_CARD }));
    restore();
    expect(flow).toHavePublished('orders.*.paid', { article: 'gift' });
  });

  it('replays a dead letter when the bank accepts the card', async () => {
    const placed = order({ card: DECLINED_CARD });
    await kit.publish(`orders.${placed.id}.placed`, placed).settled({ errors: 'return' });
    const letters = kit.get(DeadLetters);
    const sequence = await eventually(
      async () => {
        for await (const letter of letters.list({ subject: `orders.${placed.id}.placed` }))
          return letter.sequence;
        return undefined;
      },
      (found) => found !== undefined,
    );
    const restore = kit.replace('Billing.onPlaced', ({ id, article }: Order) => ({
      order: id,
      article,
      count: 1,
    }));
    const flow = await kit.track(() => letters.replay(Number(sequence))).settled();
    restore();
    expect(flow).toHaveHandled('Billing.onPlaced', { payload: placed });
    expect(flow).toHaveHandled('Warehouse.onPaid');
  });

  it('has what a replay to the handler publishes, but not the call of the handler', async () => {
    const placed = order({ card: DECLINED_CARD });
    await kit.publish(`orders.${placed.id}.placed`, placed).settled({ errors: 'return' });
    const restore = kit.replace('Billing.onPlaced', ({ id, article }: Order) => ({
      order: id,
      article,
      count: 1,
    }));
    const spy = kit.spyOn('Billing.onPlaced');
    const filter = { subject: `orders.${placed.id}.placed` };
    const replaying = kit.track(() => kit.get(DeadLetters).replayAll(filter, { to: 'handler' }));
    const flow = await replaying.settled();
    restore();
    spy.restore();
    expect(await replaying.result).toMatchObject({ replayed: 1 });
    expect(spy).toHaveBeenCalledOnce();
    expect(flow).not.toHaveHandled('Billing.onPlaced');
    expect(flow).toHaveHandled('Warehouse.onPaid');
  });
});
