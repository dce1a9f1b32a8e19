import { Test } from '@nestjs/testing';
import type { INestApplicationContext } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as before from '../../docs/snippets/coming-from-nats-before.js';
import type { Shop } from '../../docs/snippets/coming-from-nats-after.js';
import { JetStreamService } from '../../lib/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

// Each snippet of the nats package runs first. The snippet of this library then works on the same resources.
describe('both sides of "Coming from the nats package"', () => {
  const order = JSON.stringify({ id: '4711', total: 12.5 });
  const logs = new LogRecorder();
  let server: NatsTestServer;
  let theirs: before.Connected;
  let app: INestApplicationContext;
  let shop: Shop;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    theirs = await before.open(server.url);
    await before.streams(theirs.jsm);
    vi.stubEnv('NATS_URL', server.url);
    const after = await import('../../docs/snippets/coming-from-nats-after.js');
    const module = await Test.createTestingModule({ imports: [after.AppModule], providers: [after.Shop] })
      .setLogger(logs)
      .compile();
    app = await module.init();
    shop = app.get(after.Shop);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await app.close();
    await theirs.nc.close();
    await server.stop();
  });

  it('streams', async () => {
    await theirs.jsm.streams.delete('ORDERS');
    await before.streams(theirs.jsm);
    const config = async () => (await theirs.jsm.streams.info('ORDERS')).config;
    const created = await config();
    expect(created).toMatchObject({ max_age: 86_400e9, max_msgs: 1_000_000 });
    await theirs.jsm.streams.delete('ORDERS');
    await shop.streams();
    expect(await config()).toEqual(created);
  });

  it('publish, handlers and reading', async () => {
    expect(await before.publish(theirs.js)).toBe(1);
    expect(await shop.publish()).toEqual({ sequence: 1, duplicate: true });
    expect(await before.reading(theirs.jsm)).toEqual({ id: '4711', total: 12.5 });
    expect(await shop.reading()).toEqual({ id: '4711', total: 12.5 });
    await eventually(
      () => logs.of('log', 'Billing'),
      (lines) => lines.includes('4711: 12.5'),
      20_000,
    );
  });

  it('consume', async () => {
    const there = await before.consumer(theirs.jsm, theirs.js);
    const here = await shop.consumer();
    expect(here.cachedInfo.config).toMatchObject({ durable: 'shipping', ackWait: 10_000 });
    const ship = vi.fn<(order: unknown) => Promise<void>>(async () => {});
    const shipped = async (times: number) => {
      await vi.waitFor(() => expect(ship).toHaveBeenCalledTimes(times), 10_000);
      await eventually(
        () => here.info(),
        (info) => info.numPending === 0 && info.numAckPending === 0,
      );
    };

    const messages = await before.consume(there, ship);
    await shipped(1);
    await messages.close();
    await theirs.js.publish('orders.placed', order);
    const consumption = shop.consume(here, ship);
    await shipped(2);
    await consumption.stop();
    expect(ship.mock.calls).toEqual([[{ id: '4711', total: 12.5 }], [{ id: '4711', total: 12.5 }]]);
  });

  it('fetch', async () => {
    const there = await theirs.js.consumers.get('ORDERS', 'shipping');
    await theirs.js.publish('orders.placed', order);
    expect(await before.fetch(there)).toBe(1);
    await theirs.js.publish('orders.placed', order);
    const jetstream = app.get(JetStreamService);
    expect(await shop.fetch(await jetstream.consumer('ORDERS', 'shipping'))).toBe(1);
  });

  it('key-value', async () => {
    expect(await before.keyValue(theirs.js)).toEqual(['blue', 'sue: PUT']);
    expect(await shop.keyValue()).toEqual(['blue', 'sue: PUT']);
  });

  it('object store', async () => {
    expect(await before.objectStore(theirs.js)).toBe('Call Sue.');
    expect(await shop.objectStore()).toEqual(['Call Sue.', 'Sue was called.']);
  });

  it('errors', async () => {
    expect(await before.errors(theirs.js)).toBe('another client was faster');
    expect(await shop.errors()).toBe('another client was faster');
  });
});
