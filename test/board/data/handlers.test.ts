import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  HandlerNotFoundError,
  Handlers,
  InstanceNotFoundError,
  InvalidArgumentError,
  JsConsumer,
  JsSchedule,
  KeyValueService,
  KvWatch,
  NatsSubscribe,
  PublishTo,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { HandlerRow } from '../../../lib/board/model/index.js';
import { eventually } from '../../support/eventually.js';
import { type DataApplication, startData } from './start-data.js';

let server: NatsTestServer;
const started: DataApplication[] = [];
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());
afterEach(async () => {
  for (const application of started.splice(0)) await application[Symbol.asyncDispose]();
  await using owner = await startData(server.url);
  for await (const name of owner.jetstream.streamNames()) await owner.jetstream.deleteStream(name);
});

@Injectable()
class Billing {
  @PublishTo('parcels.new')
  @JsConsumer({ stream: 'ORDERS', durable: 'billing', deadLetter: true })
  onOrder(@Payload() order: unknown): unknown {
    if (order === 'broken') throw new TerminateMessage('it cannot be billed');
    return order;
  }

  @KvWatch({ bucket: 'prices' })
  onPrice(): void {
    // Its figures are shown.
  }

  @NatsSubscribe('hello')
  onHello(): void {
    // Its figures are shown.
  }
}

@Injectable()
class Reports {
  @JsSchedule({ every: 3_600_000 })
  nightly(): void {
    // It runs when the test says so.
  }
}

const FEATURE = {
  streams: [
    { name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' as const },
    { name: 'PARCELS', subjects: ['parcels.>'], storage: 'memory' as const },
  ],
  keyValues: [{ bucket: 'prices', storage: 'memory' as const }],
};

async function start(discovery?: { readonly control?: boolean }): Promise<DataApplication> {
  const options =
    discovery === undefined ? {} : { options: { discovery: { name: 'shop', version: '1.0.0', ...discovery } } };
  const application = await startData(server.url, {
    feature: FEATURE,
    providers: [Billing, Reports],
    ...options,
  });
  started.push(application);
  return application;
}

const rowOf = (rows: readonly HandlerRow[], name: string): HandlerRow => {
  const row = rows.find(({ handler }) => handler === name);
  if (row === undefined) throw new Error(`no ${name} in ${JSON.stringify(rows)}`);
  return row;
};

describe('the view handlers', () => {
  it('shows the handlers of all instances, with their figures', async () => {
    const first = await start({ control: true });
    await start({ control: true });
    for (let i = 0; i < 6; i++) await first.jetstream.publish('orders.new', i === 0 ? 'broken' : i);
    const { rows, skipped } = await eventually(
      () => first.view('handlers'),
      (view) => {
        const { instances = [] } = view.rows.find(({ handler }) => handler === 'Billing.onOrder') ?? {};
        return instances.length === 2 && instances.reduce((sum, { requests }) => sum + requests, 0) === 6;
      },
    );
    expect(skipped).toBe(0);
    const row = rowOf(rows, 'Billing.onOrder');
    expect(row).toMatchObject({
      service: 'shop',
      controlName: 'Billing.onOrder',
      form: 'consumer',
      connection: 'default',
      source: 'ORDERS',
      consumer: 'billing',
    });
    expect(row.instances.filter(({ isSelf }) => isSelf)).toHaveLength(1);
    expect(row.instances.map(({ status }) => status)).toEqual(['running', 'running']);
    expect(row.instances.reduce((sum, { outcomes }) => sum + (outcomes?.['dead-lettered'] ?? 0), 0)).toBe(1);
    expect(rowOf(rows, 'Billing.onPrice')).toMatchObject({ form: 'kv-watch', source: 'prices' });
    expect(rowOf(rows, 'Billing.onHello')).toMatchObject({ form: 'subscription', source: 'hello' });
    const { rows: instances } = await first.view('instances');
    expect(instances).toHaveLength(2);
    expect(instances[0]).toMatchObject({ service: 'shop', version: '1.0.0' });
    JSON.stringify(instances);
  });

  it('shows an application that is no service', async () => {
    const application = await start();
    const { rows } = await application.view('handlers');
    expect(rows.every(({ service }) => service === undefined)).toBe(true);
    expect(rowOf(rows, 'Billing.onOrder').instances).toMatchObject([{ isSelf: true, status: 'running' }]);
    expect((await application.view('instances')).rows).toEqual([]);
  });

  it('asks once for several readers', async () => {
    const application = await start({ control: false });
    const [a, b] = await Promise.all([application.view('handlers'), application.view('handlers')]);
    expect(a.rows).toEqual(b.rows);
  });
});

describe('the commands for handlers', () => {
  const statusesIn = async (application: DataApplication): Promise<(string | undefined)[]> =>
    rowOf((await application.view('handlers')).rows, 'Billing.onOrder').instances.map(({ status }) => status);

  it.each(['paused', 'stopped'] as const)('reach all instances: %s', async (status) => {
    const first = await start({ control: true });
    const second = await start({ control: true });
    const [off, on] =
      status === 'paused' ? (['pause-handler', 'resume-handler'] as const) : (['stop-handler', 'start-handler'] as const);
    const input = { service: 'shop', handler: 'Billing.onOrder' };
    expect((await first.act(off, input)).results).toHaveLength(2);
    for (const each of [first, second])
      expect(each.app.get(Handlers).get('Billing.onOrder').status).toBe(status);
    await eventually(
      () => statusesIn(second),
      (statuses) => statuses.join() === `${status},${status}`,
    );
    await second.act(on, input);
    for (const each of [first, second])
      expect(each.app.get(Handlers).get('Billing.onOrder').status).toBe('running');
  });

  it('reach one instance', async () => {
    const first = await start({ control: true });
    const second = await start({ control: true });
    const id = second.source.service?.id ?? '';
    const { results } = await first.act('pause-handler', { service: 'shop', handler: 'Billing.onOrder', id });
    expect(results).toEqual([{ id }]);
    expect(first.app.get(Handlers).get('Billing.onOrder').status).toBe('running');
    expect(second.app.get(Handlers).get('Billing.onOrder').status).toBe('paused');
  });

  it('reach this instance, also if other clients may not control it', async () => {
    const application = await start({ control: false });
    const input = { service: 'shop', handler: 'Billing.onOrder' };
    const id = application.source.service?.id ?? '';
    expect(await application.act('pause-handler', { ...input, id })).toEqual({ results: [{ id }] });
    expect(application.app.get(Handlers).get('Billing.onOrder').status).toBe('paused');
    expect(await application.act('resume-handler', input)).toEqual({ results: [{ id }] });
    expect(application.app.get(Handlers).get('Billing.onOrder').status).toBe('running');
  });

  it('say which instances do not allow them', async () => {
    const first = await start({ control: true });
    const second = await start({ control: false });
    const { results } = await first.act('pause-handler', { service: 'shop', handler: 'Billing.onOrder' });
    const failed = results.filter(({ error }) => error !== undefined);
    expect(failed).toEqual([{ id: second.source.service?.id, error: expect.stringContaining('control') as string }]);
  });

  it('reach an application that is no service', async () => {
    const application = await start();
    const { results } = await application.act('pause-handler', { handler: 'Billing.onOrder' });
    expect(results).toHaveLength(1);
    expect(application.app.get(Handlers).get('Billing.onOrder').status).toBe('paused');
    await expect(application.act('pause-handler', { handler: 'None.none' })).rejects.toThrow(HandlerNotFoundError);
    await expect(application.act('pause-handler', { service: 'none', handler: 'A.a' })).rejects.toThrow(
      InstanceNotFoundError,
    );
  });

  it.each<[string, unknown]>([
    ['nothing', {}],
    ['a handler that is no text', { handler: 7 }],
    ['an empty handler', { handler: ' ' }],
    ['a service with a wildcard', { service: '*', handler: 'Billing.onOrder' }],
    ['an id with a wildcard', { service: 'shop', handler: 'Billing.onOrder', id: '>' }],
    ['an id with a subject', { service: 'shop', handler: 'Billing.onOrder', id: 'a.b' }],
    ['1 MB', { service: 'shop', handler: 'x'.repeat(1_048_576) }],
    ['no service, for a service', { handler: 'Billing.onOrder' }],
    ['an unknown member', { service: 'shop', handler: 'Billing.onOrder', force: true }],
  ])('refuse %s', async (_, input) => {
    const application = await start({ control: true });
    await expect(application.act('pause-handler', input)).rejects.toThrow(InvalidArgumentError);
  });
});

describe('the view flow', () => {
  it('connects streams, handlers, buckets, subjects and dead letters', async () => {
    const application = await start({ control: true });
    await application.app.get(KeyValueService).open('prices');
    await application.jetstream.publish('orders.new', 'broken');
    await application.jetstream.publish('orders.new', 1);
    const { edges, nodes } = await eventually(
      () => application.view('flow'),
      (view) => view.edges.some(({ kind }) => kind === 'dead-letters'),
    );
    const labels = new Map(nodes.map(({ id, kind, label }) => [id, `${kind} ${label}`]));
    const shown = edges.map(({ from, kind, subject = '', to }) =>
      [labels.get(from), kind, labels.get(to), subject].join(' | '),
    );
    expect(shown).toEqual(
      expect.arrayContaining([
        'stream ORDERS | delivers | handler Billing.onOrder | ',
        'handler Billing.onOrder | publishes | stream PARCELS | parcels.new',
        'handler Billing.onOrder | dead-letters | dead-letters DEAD_LETTERS | ',
        'bucket prices | delivers | handler Billing.onPrice | ',
        'subject hello | delivers | handler Billing.onHello | ',
      ]),
    );
    expect(edges.find(({ kind, to }) => kind === 'delivers' && to.includes('onOrder'))?.count).toBe(2);
    expect(new Set(nodes.map(({ id }) => id)).size).toBe(nodes.length);
    for (const { from, to } of edges) expect(labels.has(from) && labels.has(to)).toBe(true);
  });
});

describe('the view schedules', () => {
  it('shows schedules and their last run, and controls them', async () => {
    const application = await start();
    const only = async (): Promise<unknown> => (await application.view('schedules')).rows[0];
    expect(await only()).toMatchObject({ handler: 'Reports.nightly', every: 3_600_000, paused: false });
    const { name } = (await only()) as { name: string };
    const { id } = await application.act('run-schedule', { name });
    expect(id).toBeTruthy();
    const ran = (await eventually(only, (row) => (row as { lastRun?: object }).lastRun !== undefined)) as object;
    expect(ran).toMatchObject({ lastRun: { outcome: 'succeeded', attempt: 1 } });
    expect(JSON.parse(JSON.stringify(ran))).toEqual(ran);
    await application.act('pause-schedule', { name });
    expect(await only()).toMatchObject({ paused: true });
    await application.act('resume-schedule', { name });
    expect(await only()).toMatchObject({ paused: false });
    for (const input of [{}, { name: '' }, { name: 7 }, { name, at: 'now' }])
      await expect(application.act('run-schedule', input)).rejects.toThrow(InvalidArgumentError);
    await expect(application.act('run-schedule', { name: 'none' })).rejects.toThrow('none');
  });
});
