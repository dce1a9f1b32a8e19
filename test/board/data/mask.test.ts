import { Buffer } from 'node:buffer';
import { DeadLetterReason, InvalidArgumentError } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PayloadOptions } from '../../../lib/board/data/index.js';
import type { JobRow } from '../../../lib/board/model/index.js';
import { storeLetters, type StoredLetter } from '../../consuming/dead-letters/stored-letters.js';
import { eventually } from '../../support/eventually.js';
import { type DataApplication, startData } from './start-data.js';
import { clear } from './start-shop.js';

/** What a person must not see. Each place in which it can be has a number of its own. */
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
