// #region start
import type { INestApplication } from '@nestjs/common';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import 'nestjs-nats-jetstream/testing/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppModule, Billing, Shop } from './app.module.js';

describe('An order', () => {
  let kit: JetStreamTestKit;

  beforeAll(async () => {
    kit = await JetStreamTestKit.start({ imports: [AppModule] });
  });

  afterAll(() => kit.close());

  it('is billed', async () => {
    const order = { id: '4711', customer: 'Sue', total: 129.9 };
    const flow = await kit.publish('orders.placed', order).settled();
    expect(flow).toHaveHandled('Billing.onPlaced', { outcome: 'acked', payload: order });
  });
});
// #endregion
import { Reports, Settings } from './schedules.js';

describe('The guide of the test kit', () => {
  it('shows what a flow contains', async () => {
    await using kit = await JetStreamTestKit.start({ imports: [AppModule] });
    const order = { id: '4711', customer: 'Sue', total: 129.9 };
    // #region flow
    const flow = await kit.publish('orders.placed', order).settled();

    const { handled } = flow; // each delivery: handler, subject, payload, outcome, error, deliveryCount, …
    const { published } = flow; // each message that was published: subject, payload, stream, sequence
    const { deadLettered } = flow; // each dead letter: handler, subject, payload, reason, error
    // #endregion
    expect(handled.map(({ handler }) => handler).sort()).toEqual(['Billing.onInvoice', 'Billing.onPlaced']);
    expect(published).toHaveLength(1);
    expect(deadLettered).toEqual([]);
  });

  it('shows errors', async () => {
    await using kit = await JetStreamTestKit.start({ imports: [AppModule] });
    kit.replace('Billing.onPlaced', () => {
      throw new RangeError('no such customer');
    });
    // #region errors
    const waiting = kit.publish('orders.placed', { id: '1' }).settled({ timeout: 200 });
    await expect(waiting).rejects.toThrow(
      'after it failed with RangeError: no such customer; next attempt in',
    );
    // #endregion
  });

  it('follows an action', async () => {
    await using kit = await JetStreamTestKit.start({ imports: [AppModule] });
    // #region track
    const place = () => kit.get(Shop).place({ id: '4712', customer: 'Joe', total: 10 });
    const flow = await kit.track(place).settled();
    // #endregion
    expect(flow).toHaveHandled('Billing.onPlaced');
  });

  it('waits', async () => {
    await using kit = await JetStreamTestKit.start({ imports: [AppModule] });
    await kit.get(Shop).place({ id: '4712', customer: 'Joe', total: 10 });
    // #region waiting
    const { payload } = await kit.handled('Billing.onPlaced', { subject: 'orders.*' });
    await kit.idle(); // nothing is pending any more
    await kit.expectNothing('Billing.onPlaced', { within: 50 }); // and nothing follows
    await kit.expectNothingPublished('orders.cancelled', { within: 50 });
    // #endregion
    expect(payload).toMatchObject({ id: '4712' });
  });

  it('replaces handlers', async () => {
    await using kit = await JetStreamTestKit.start({ imports: [AppModule] });
    // #region spies
    const spy = kit.spyOn('Billing.onPlaced'); // the handler is still called
    await kit.publish('orders.placed', { id: '4713' }).settled();
    expect(spy).toHaveBeenCalledWith({ id: '4713' });

    const restore = kit.replace('Billing.onPlaced', (order: { readonly id: string }) => {
      if (order.id === '0') throw new Error('no such order');
    });
    // #endregion
    restore();
    expect(kit.get(Billing)).toBeDefined();
  });

  it('configures the application', async () => {
    const { Test } = await import('@nestjs/testing');
    const { ValidationPipe } = await import('@nestjs/common');
    // #region options
    const module = Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(Shop)
      .useValue({ place: () => undefined });
    const kit = await JetStreamTestKit.start({
      module, // instead of imports, controllers and providers
      http: true, // listens on kit.url
      configure: (app: INestApplication) => app.useGlobalPipes(new ValidationPipe()),
      timeScale: 0.01, // a backoff of 5,000 ms takes 50 ms
    });
    // #endregion
    expect(kit.url).toContain('http://127.0.0.1:');
    await kit.close();
  });

  it('runs a schedule', async () => {
    await using kit = await JetStreamTestKit.start({ imports: [AppModule], providers: [Reports, Settings] });
    // #region fire
    const flow = await kit.fire('Reports.daily').settled();
    expect(flow).toHaveHandled('Reports.daily', { outcome: 'acked' });
    // #endregion
  });
});
