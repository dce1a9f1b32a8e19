import { Buffer } from 'node:buffer';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  DeadLetterReason,
  InvalidArgumentError,
  JsConsumer,
  JsSchedule,
  ReplayFailedError,
  Schedules,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PayloadOptions } from '../../../lib/board/data/index.js';
import type { DeadLetterRow, JobRow } from '../../../lib/board/model/index.js';
import { withoutCard } from '../../../docs/snippets/board.js';
import { storeLetters, type StoredLetter } from '../../consuming/dead-letters/stored-letters.js';
import { eventually } from '../../support/eventually.js';
import { type DataApplication, startData } from './start-data.js';
import { clear } from './start-shop.js';

/** The text that a mask hides. Each place in which it can be has a number of its own. */
const SECRET = '4111';

let server: NatsTestServer;
let application: DataApplication;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());
afterEach(async () => {
  await clear(application);
  await application[Symbol.asyncDispose]();
});

/** Shows only the id of a payload. */
const onlyId: PayloadOptions = { mask: ({ payload }) => ({ payload: { id: idOf(payload) }, error: '' }) };

function idOf(payload: unknown): unknown {
  return typeof payload === 'object' && payload !== null && 'id' in payload ? payload.id : undefined;
}

const store = (letter: StoredLetter): Promise<void> => storeLetters(application.jetstream, 1, () => letter);

const ended = (id: string): Promise<JobRow> =>
  eventually(
    () => application.view('job', { id }),
    ({ state }) => state !== 'running',
  );

describe('a mask for the messages of the stream of dead letters', () => {
  const block = Buffer.from(`NATS/1.0\r\nTenant: a\r\n\r\n`);
  const order = Buffer.from(`{"id":7,"card":"${SECRET}"}`);
  const LETTERS: readonly (readonly [string, StoredLetter])[] = [
    ['with an error and a reason', { error: `Error: ${SECRET}`, reason: `card ${SECRET}` }],
    ['with its headers in base 64', { headers: { 'Dead-Letter-Raw-Headers': block.toString('base64') } }],
    [
      'with its headers before the payload',
      {
        headers: { 'Dead-Letter-Headers-Length': String(block.length) },
        data: Buffer.concat([block, order]),
      },
    ],
  ];

  it.each(LETTERS)('is asked for the original of a letter %s', async (_, letter) => {
    const seen: object[] = [];
    application = await startData(
      server.url,
      {},
      {
        mask: (message) => {
          seen.push(message);
          return { payload: { id: idOf(message.payload) } };
        },
      },
    );
    await store({ data: order, ...letter });
    const { rows } = await application.view('messages', { stream: 'DEAD_LETTERS' });
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      subject: 'dead-letters.ORDERS.billing',
      payload: { content: '{"id":7}' },
    });
    expect(rows[0]?.headers.map(([name]) => name).filter((name) => name !== 'Tenant')).toEqual([]);
    expect(JSON.stringify(rows)).not.toContain(SECRET);
    expect(seen).toMatchObject([
      { stream: 'ORDERS', subject: 'orders.new', error: expect.any(String) as string },
    ]);
  });

  it('is asked for the originals in a mirror', async () => {
    application = await startData(server.url, {}, onlyId);
    await store({ data: order, error: SECRET });
    await application.jetstream.createStream({ name: 'COPY', mirror: { name: 'DEAD_LETTERS' } });
    const rows = await eventually(
      async () => (await application.view('messages', { stream: 'COPY' })).rows,
      ({ length }) => length > 0,
    );
    expect(rows[0]).toMatchObject({ headers: [], payload: { content: '{"id":7}' } });
  });

  it('shows nothing of messages there that cannot be read as dead letters', async () => {
    application = await startData(server.url, {}, { mask: ({ payload }) => ({ payload }) });
    await store({});
    const headers = { 'Dead-Letter-Error': SECRET, 'Dead-Letter-Headers-Length': '4' };
    await application.jetstream.publish('dead-letters.ORDERS.other', SECRET, { headers });
    const { rows } = await application.view('messages', { stream: 'DEAD_LETTERS' });
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({ headers: [], payload: { content: '', masked: true } });
  });

  it('is needed: without one, headers and payloads are shown as they are stored', async () => {
    application = await startData(server.url);
    await store({ data: order, error: `Error: ${SECRET}` });
    const { rows } = await application.view('messages', { stream: 'DEAD_LETTERS' });
    expect(rows[0]?.headers).toContainEqual(['Dead-Letter-Error', [`Error: ${SECRET}`]]);
    expect(rows[0]?.payload.content).toBe(order.toString());
  });
});

describe('a mask for the reasons of dead letters', () => {
  const CHOSEN = `the card ${SECRET} has expired`;
  const PLAIN = DeadLetterReason.DeliveriesUsedUp;
  const LISTS = [{}, { reason: PLAIN }, { handler: 'Billing.onOrder' }];

  it('hides those of handlers, and shows those of the library', async () => {
    application = await startData(server.url, {}, onlyId);
    await storeLetters(application.jetstream, 2, (index) => ({ reason: index === 0 ? CHOSEN : PLAIN }));
    const { rows } = await application.view('dead-letters');
    expect(rows.map(({ reason }) => reason)).toEqual([PLAIN, '']);
    expect(await application.view('dead-letter', { sequence: '1' })).toMatchObject({ reason: '' });
    const { id } = await application.act('search', { selection: {}, text: 'orders' });
    const { found } = await ended(id);
    expect(found?.map(({ reason }) => reason)).toEqual([PLAIN, '']);
  });

  it('refuses to select those of handlers, whose text could be guessed by that', async () => {
    application = await startData(server.url, {}, onlyId);
    await storeLetters(application.jetstream, 2, (index) => ({ reason: index === 0 ? CHOSEN : PLAIN }));
    for (const selection of LISTS) await application.view('dead-letters', selection);
    const selection = { reason: CHOSEN };
    await expect(application.view('dead-letters', selection)).rejects.toThrow(InvalidArgumentError);
    for (const action of ['replay-all', 'drop-all', 'search'] as const)
      await expect(
        application.act(action, { selection, ...(action === 'search' && { text: 'a' }) }),
      ).rejects.toThrow(InvalidArgumentError);
    const { id } = await application.act('drop-all', { selection: { reason: PLAIN } });
    expect(await ended(id)).toMatchObject({ state: 'done', done: 1 });
  });

  it('is needed: without one, all are shown and selected', async () => {
    application = await startData(server.url);
    await store({ reason: CHOSEN });
    const { rows } = await application.view('dead-letters', { reason: CHOSEN });
    expect(rows).toMatchObject([{ reason: CHOSEN }]);
  });
});

@Injectable()
class Shop {
  @JsConsumer({ stream: 'ORDERS', durable: 'billing', deadLetter: true, retry: { maxDeliver: 1 } })
  onOrder(): void {
    throw new TypeError(`the card ${SECRET} has expired`);
  }

  @JsSchedule({ every: 3_600_000 })
  report(@Payload() payload: unknown): void {
    throw new TypeError(`no report for ${JSON.stringify(payload)}`);
  }
}

describe.each([
  { what: 'without a mask', payloads: {}, isShown: true },
  { what: 'with a mask', payloads: onlyId, isShown: false },
])('the errors of handlers, $what', ({ payloads, isShown }) => {
  beforeEach(async () => {
    application = await startData(
      server.url,
      {
        feature: { streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' }] },
        providers: [Shop],
        options: { discovery: { name: 'shop', version: '1.0.0', errorText: true } },
      },
      payloads,
    );
  });
  const letter = async (): Promise<DeadLetterRow> => {
    await application.jetstream.publish('orders.new', { id: 7 });
    const [row] = await eventually(
      async () => (await application.view('dead-letters')).rows,
      ({ length }) => length > 0,
    );
    if (row === undefined) throw new Error('there is no dead letter');
    return row;
  };
  const contains = (shown: unknown): void => {
    if (isShown) expect(JSON.stringify(shown)).toContain(SECRET);
    else expect(JSON.stringify(shown)).not.toContain(SECRET);
  };

  it('a replay rejects', async () => {
    const { sequence, time } = await letter();
    const error = await application
      .act('replay', { sequence, time, to: 'handler' })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ReplayFailedError);
    const { cause, message } = error as ReplayFailedError;
    contains([message, String(cause)]);
    expect(message).toContain(`dead letter ${sequence} to Shop.onOrder`);
  });

  it('a job stores', async () => {
    const { sequence } = await letter();
    const { id } = await application.act('replay-all', { selection: {}, to: 'handler' });
    const job = await ended(id);
    expect(job).toMatchObject({ done: 0, failed: 1 });
    expect(job.lastError).toContain(`${sequence}: The replay of dead letter ${sequence} to Shop.onOrder`);
    contains(job);
  });

  it('the handlers have', async () => {
    await letter();
    const rows = await eventually(
      async () => (await application.view('handlers')).rows,
      (each) => each.some(({ instances }) => instances.some(({ errors }) => errors > 0)),
    );
    expect(rows.length).toBeGreaterThan(0);
    contains(rows);
  });

  it('the runs of schedules have', async () => {
    await application.app.get(Schedules).runNow('Shop.report', { card: SECRET });
    const rows = await eventually(
      async () => (await application.view('schedules')).rows,
      ([row]) => row?.lastRun !== undefined,
    );
    expect(rows[0]?.lastRun).toMatchObject({ outcome: 'failed' });
    contains(rows);
  });
});

describe('the mask of the guide', () => {
  /** MessagePack, as an application that uses another codec would publish it. */
  const PACKED = Buffer.from(`\xff\xa4card\xa4${SECRET}`, 'latin1');
  const PAYLOADS: readonly (readonly [string, unknown, string])[] = [
    ['an order', { id: 7, card: SECRET, holder: SECRET }, '{"id":7,"card":"***"}'],
    ['bytes that cannot be decoded', PACKED, ''],
    ['a text', JSON.stringify(SECRET), ''],
    ['text that is not JSON', SECRET, ''],
    ['a number', Number(SECRET), ''],
    ['a list', [SECRET], ''],
    ['null', null, ''],
    ['nothing', Buffer.alloc(0), ''],
    ['another object', { card: SECRET }, ''],
  ];

  it.each(PAYLOADS)('shows of %s only what it lists', async (_, payload, content) => {
    application = await startData(server.url, {}, { mask: withoutCard });
    const data = typeof payload === 'string' ? Buffer.from(payload) : payload;
    await store({ data, error: 'Error: no card 411111111111' });
    const shown = await application.view('dead-letter', { sequence: '1' });
    expect(shown.message.payload).toMatchObject({ content, masked: true });
    expect(JSON.stringify(shown)).not.toContain(SECRET);
    expect(shown.error).toBe('Error: no card ***');
  });

  it('gets no payload that cannot be decoded, but its bytes', async () => {
    const seen: (readonly [unknown, string])[] = [];
    application = await startData(
      server.url,
      {},
      {
        mask: ({ data, payload }) => {
          seen.push([payload, Buffer.from(data).toString('hex')]);
          return {};
        },
      },
    );
    await storeLetters(application.jetstream, 2, (index) => ({ data: index === 0 ? PACKED : { id: 7 } }));
    for (const sequence of ['1', '2']) await application.view('dead-letter', { sequence });
    expect(seen).toEqual([
      [undefined, PACKED.toString('hex')],
      [{ id: 7 }, Buffer.from('{"id":7}').toString('hex')],
    ]);
  });
});
