import { Injectable } from '@nestjs/common';
import {
  InvalidArgumentError,
  JetStreamModule,
  JetStreamService,
  NatsSubscribe,
  PermissionDeniedError,
  RequestTimeoutError,
} from 'nestjs-nats-jetstream';
import { connect, type NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import type { DataApplication } from './start-data.js';
import { clear, idOf, ON_ORDER, rowOf, shop, startShop, sumOf } from './start-shop.js';

let server: NatsTestServer;
let other: NatsTestServer;
let nc: NatsConnection;
const started: DataApplication[] = [];

beforeAll(async () => {
  server = await NatsTestServer.start({
    users: [{ user: 'all' }, { user: 'limited', permissions: { publish: { allow: '>', deny: '$SRV.>' } } }],
    noAuthUser: 'all',
  });
  other = await NatsTestServer.start();
  nc = await connect({ servers: server.url });
});
afterAll(async () => {
  await nc.close();
  await Promise.all([server.stop(), other.stop()]);
});
afterEach(async () => {
  const [first, ...rest] = started.splice(0);
  for (const application of rest) await application[Symbol.asyncDispose]();
  if (first === undefined) return;
  await clear(first);
  await first[Symbol.asyncDispose]();
});

const start = async (
  ...[options, more]: [Parameters<typeof startShop>[1]?, Parameters<typeof startShop>[2]?]
): Promise<DataApplication> => {
  const application = await startShop(server.url, options, more);
  started.push(application);
  return application;
};

@Injectable()
class Prices {
  @NatsSubscribe('prices', { connection: 'second' })
  onPrice(): void {
    // The board shows its figures.
  }
}

describe('the view handlers', () => {
  it('shows the handlers of all instances, with their figures', async () => {
    const first = await start(shop());
    const second = await start(shop());
    await start({ discovery: { name: 'archive', version: '2.0.0' } });
    for (const order of ['broken', 1, 2]) await first.jetstream.publish('orders.new', order);
    for (const order of [3, 4]) await first.jetstream.publish('orders.old', order);
    const view = await eventually(
      () => first.view('handlers'),
      ({ rows }) =>
        rows
          .filter(({ handler }) => handler === ON_ORDER)
          .reduce((sum, row) => sum + sumOf(row, 'requests'), 0) === 5,
    );
    expect(view.skipped).toBe(0);
    const orders = view.rows.filter(({ handler }) => handler === ON_ORDER);
    expect(orders.map(({ service }) => service)).toEqual(['archive', 'shop']);
    const row = orders[1];
    expect(row).toMatchObject({
      controlName: ON_ORDER,
      form: 'consumer',
      connection: 'default',
      source: 'ORDERS',
      consumer: 'billing',
    });
    expect(row?.instances.map(({ id }) => id).toSorted()).toEqual([idOf(first), idOf(second)].toSorted());
    expect(row?.instances.filter(({ isSelf }) => isSelf).map(({ id }) => id)).toEqual([idOf(first)]);
    expect(row?.instances.map(({ status }) => status)).toEqual(['running', 'running']);
    const outcomes = orders.flatMap(({ instances }) => instances.map((each) => each.outcomes ?? {}));
    const sum = (name: string): number => outcomes.reduce((total, each) => total + (each[name] ?? 0), 0);
    // Both subjects count.
    expect([sum('acked'), sum('dead-lettered')]).toEqual([4, 1]);
    expect(orders.reduce((total, each) => total + sumOf(each, 'errors'), 0)).toBe(1);
    expect(rowOf(view, 'Billing.onPrice')).toMatchObject({ form: 'kv-watch', source: 'prices' });
    expect(rowOf(view, 'Billing.onHello')).toMatchObject({ form: 'subscription', source: 'hello' });
    expect(JSON.parse(JSON.stringify(view))).toEqual(view);
  });

  it('shows an application without the option discovery as its only instance', async () => {
    const application = await start();
    await application.jetstream.publish('orders.new', 'broken');
    const view = await eventually(
      () => application.view('handlers'),
      (each) => sumOf(rowOf(each, ON_ORDER), 'requests') === 1,
    );
    expect(view.rows).toHaveLength(3);
    expect(view.rows.every((row) => !('service' in row))).toBe(true);
    const { instances, ...row } = rowOf(view, ON_ORDER);
    expect(row).toEqual({
      handler: ON_ORDER,
      controlName: ON_ORDER,
      form: 'consumer',
      connection: 'default',
      source: 'ORDERS',
      consumer: 'billing',
    });
    expect(instances).toMatchObject([
      { isSelf: true, status: 'running', requests: 1, errors: 1, lastError: '', processingTime: 0 },
    ]);
    expect(JSON.parse(JSON.stringify(view))).toEqual(view);
  });

  it('asks the instances once for all readers, and only while there are readers', async () => {
    const application = await start(shop());
    let asked = 0;
    const counting = nc.subscribe('$SRV.STATS', { callback: () => void asked++ });
    await nc.flush();
    const names = ['handlers', 'instances', 'flow', 'handlers'] as const;
    const [first] = await Promise.all([
      application.view('handlers'),
      ...names.map((name) => application.view(name)),
    ]);
    const again = await application.view('handlers');
    await nc.flush();
    expect(asked).toBe(1);
    // Rates are computed from the times of two views.
    expect(again).toEqual(first);
    await eventually(
      () => application.view('handlers'),
      ({ time }) => time !== first.time,
    );
    await nc.flush();
    expect(asked).toBe(2);
    counting.unsubscribe();
  });

  it('ends the wait of one reader only', async () => {
    const application = await start(shop());
    const controller = new AbortController();
    const left = application.data.view('handlers', {}, controller.signal);
    const waiting = application.view('handlers');
    controller.abort(new Error('the reader has left'));
    await expect(left).rejects.toThrow('the reader has left');
    expect(rowOf(await waiting, ON_ORDER).instances).toHaveLength(1);
  });

  it('shows handlers on a connection without the option discovery as those of this process', async () => {
    const second = JetStreamModule.forRoot({ name: 'second', connection: { servers: other.url } });
    const application = await start(shop(), { imports: [second], providers: [Prices] });
    const here = await application.view('handlers');
    expect(here.rows.map(({ handler }) => handler)).not.toContain('Prices.onPrice');
    const there = await application.view('handlers', { connection: 'second' });
    expect(there.rows).toMatchObject([
      {
        handler: 'Prices.onPrice',
        connection: 'second',
        instances: [{ id: idOf(application), isSelf: true }],
      },
    ]);
    expect(there.rows[0]).not.toHaveProperty('service');
  });

  it('knows this instance on each connection to the same servers', async () => {
    const second = JetStreamModule.forRoot({ name: 'second', connection: { servers: server.url } });
    const application = await start(shop(), { imports: [second] });
    const { rows } = await application.view('handlers', { connection: 'second' });
    expect(rows).toHaveLength(3);
    expect(rows.every(({ instances }) => instances.length === 1 && instances[0]?.isSelf)).toBe(true);
  });

  it('shows this process alone if it may not ask others', async () => {
    await using application = await startShop(
      server.url,
      {},
      { connection: server.connectionFor('limited') },
    );
    expect(rowOf(await application.view('handlers'), ON_ORDER).instances).toHaveLength(1);
    await expect(application.view('instances')).rejects.toThrow(PermissionDeniedError);
  });

  it('shows this process alone without a link', async () => {
    await using own = await NatsTestServer.start();
    await using application = await startShop(own.url, { ...shop(), shutdownTimeout: 100 });
    await own.kill();
    await eventually(
      () => application.app.get(JetStreamService).connection.hasLink,
      (hasLink) => !hasLink,
    );
    const { instances } = rowOf(await application.view('handlers'), ON_ORDER);
    expect(instances).toMatchObject([{ id: idOf(application), isSelf: true, connected: false }]);
    await expect(application.view('instances')).rejects.toThrow(RequestTimeoutError);
  });

  it('counts answers that cannot be read, and shows hostile names as they are', async () => {
    const application = await start(shop());
    const report = {
      handler: '__proto__',
      form: 'consumer',
      connection: 'constructor',
      source: '<b>\u001b[31m',
    };
    const figures = { num_requests: 1, num_errors: 0, processing_time: 1, average_processing_time: 1 };
    const answer = {
      type: 'io.nats.micro.v1.stats_response',
      name: 'constructor',
      id: '__proto__',
      version: '1',
      started: new Date().toISOString(),
      endpoints: [
        { name: 'a', subject: 'a', ...figures, data: { ...report, outcomes: { acked: 1, toString: 5 } } },
      ],
    };
    const peer = nc.subscribe('$SRV.STATS', {
      callback: (_, message) => {
        message.respond(JSON.stringify(answer));
        message.respond('{"type":');
      },
    });
    await nc.flush();
    const view = await application.view('handlers');
    expect(view.skipped).toBe(1);
    const row = rowOf(view, '__proto__');
    expect(row).toMatchObject({ service: 'constructor', source: report.source, connection: 'constructor' });
    expect(row.instances).toEqual([
      {
        id: '__proto__',
        isSelf: false,
        requests: 1,
        errors: 0,
        lastError: '',
        processingTime: 1e-6,
        outcomes: { acked: 1 },
      },
    ]);
    expect(rowOf(view, ON_ORDER).service).toBe('shop');
    peer.unsubscribe();
  });

  it.each<[string, object]>([
    ['a connection that does not exist', { connection: 'none' }],
    ['an empty connection', { connection: '' }],
    ['a connection with the name of a property', { connection: '__proto__' }],
    ['1 MB', { connection: 'x'.repeat(1_048_576) }],
    ['an unknown parameter', { stream: 'ORDERS' }],
  ])('refuses %s', async (_, query) => {
    const application = await start();
    for (const name of ['handlers', 'instances', 'flow'] as const)
      await expect(application.view(name, query)).rejects.toThrow(InvalidArgumentError);
  });
});

describe('the view instances', () => {
  it('shows the instances of all services', async () => {
    const first = await start({ discovery: { name: 'shop', version: '1.2.3', metadata: { region: 'eu' } } });
    await start({ discovery: { name: 'archive', version: '2.0.0' } });
    const { rows, skipped } = await first.view('instances');
    expect(skipped).toBe(0);
    expect(rows.map(({ service, isSelf }) => [service, isSelf])).toEqual([
      ['archive', false],
      ['shop', true],
    ]);
    expect(rows[1]).toMatchObject({
      id: idOf(first),
      version: '1.2.3',
      metadata: { region: 'eu' },
      // One for each subject of orders, the watch, and the subscription.
      endpoints: 4,
      requests: 0,
      errors: 0,
    });
    expect(Date.parse(rows[1]?.startedAt ?? '')).toBeGreaterThan(Date.now() - 60_000);
    expect(JSON.parse(JSON.stringify(rows))).toEqual(rows);
  });

  it('is empty without services', async () => {
    expect(await (await start()).view('instances')).toEqual({ rows: [], skipped: 0 });
  });
});
