import { Buffer } from 'node:buffer';
import { performance } from 'node:perf_hooks';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  type Codec,
  DeadLetterNotFoundError,
  InvalidArgumentError,
  JsConsumer,
  PayloadTooLargeError,
  ReplayRefusedError,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { storeLetters, type StoredLetter } from '../../consuming/dead-letters/stored-letters.js';
import { type DataApplication, startData } from './start-data.js';

/** The long form of the tests has as many dead letters as the board is made for. */
const MANY = process.env.BOARD_MANY === undefined ? 100_000 : Number(process.env.BOARD_MANY);

let server: NatsTestServer;
let application: DataApplication;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());
afterEach(async () => {
  await application.jetstream.deleteStream('DEAD_LETTERS').catch(() => undefined);
  await application.jetstream.deleteStream('ORDERS').catch(() => undefined);
  await application[Symbol.asyncDispose]();
});

const ORDERS = { streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' as const }] };
const store = (letterOf: (index: number) => StoredLetter, count = 1): Promise<void> =>
  storeLetters(application.jetstream, count, letterOf);

describe('the view dead-letters', () => {
  it('is empty before there are any', async () => {
    application = await startData(server.url);
    expect(await application.view('dead-letters')).toEqual({ rows: [], more: false, total: 0 });
  });

  it('has the newest first, with their facts, in pages', async () => {
    application = await startData(server.url);
    await store((index) => ({ subject: `orders.${index}`, data: 'x'.repeat(index) }), 120);
    const first = await application.view('dead-letters', { limit: '50' });
    expect(first).toMatchObject({ more: false, next: '71', total: 120 });
    expect(first.rows[0]).toEqual({
      sequence: 120,
      time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      stream: 'ORDERS',
      consumer: 'billing',
      handler: 'Billing.onOrder',
      subject: 'orders.119',
      reason: 'handler failed',
      error: 'Error: no',
      deliveries: 3,
      size: 119,
    });
    const last = await application.view('dead-letters', { after: '71', limit: '200' });
    expect(last.rows.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 70 }, (_, i) => 70 - i));
    expect(last).toMatchObject({ more: false });
    expect('next' in last || 'total' in last).toBe(false);
  });

  it('selects by all criteria', async () => {
    application = await startData(server.url);
    await store(
      (index) => ({
        stream: index % 2 === 0 ? 'ORDERS' : 'PARCELS',
        consumer: index % 3 === 0 ? 'billing' : 'shipping',
        handler: index % 5 === 0 ? 'A.a' : 'B.b',
        reason: index % 7 === 0 ? 'cancelled' : 'handler failed',
        subject: `orders.${index % 4}`,
      }),
      420,
    );
    const count = async (query: object): Promise<number> =>
      (await application.view('dead-letters', { limit: '200', ...query })).rows.length;
    expect(await count({ stream: 'ORDERS', consumer: 'billing' })).toBe(70);
    expect(await count({ handler: 'A.a' })).toBe(84);
    expect(await count({ reason: 'cancelled', stream: 'PARCELS' })).toBe(30);
    expect(await count({ subject: 'orders.3' })).toBe(105);
    expect(await count({ subject: 'orders.*', handler: 'A.a', reason: 'cancelled' })).toBe(12);
    expect(await count({ since: new Date(Date.now() + 60_000).toISOString() })).toBe(0);
    expect(await count({ until: new Date(Date.now() + 60_000).toISOString() })).toBe(200);
  });

  it.each<[string, object]>([
    ['an unknown parameter', { sort: 'asc' }],
    [
      'a parameter with the name of a prototype',
      JSON.parse('{"__proto__":{"x":1},"constructor":"x"}') as object,
    ],
    ['a limit of 0', { limit: '0' }],
    ['a limit above 200', { limit: '201x' }],
    ['a negative page', { after: '-1' }],
    ['a page that is not a number', { after: '1e3' }],
    ['a stream with wildcards', { stream: '*' }],
    ['a stream with a dot', { stream: 'a.b' }],
    ['a consumer of the server', { consumer: '>' }],
    ['a subject with a space', { subject: 'a b' }],
    ['a time that is not one', { since: 'yesterday' }],
    ['a time without a zone', { since: '2026-01-01T00:00:00' }],
    ['a connection that does not exist', { connection: 'other' }],
    ['a path', { stream: '../../etc' }],
    ['1 MB', { stream: 'x'.repeat(1_048_576) + '.' }],
  ])('refuses %s', async (_, query) => {
    application = await startData(server.url);
    await expect(application.view('dead-letters', query)).rejects.toThrow(InvalidArgumentError);
  });

  it(`has the first page of ${MANY} in less than 300 ms`, { timeout: 600_000 }, async () => {
    application = await startData(server.url);
    await store(
      (index) => ({
        consumer: index === 1_000 ? 'rare' : 'billing',
        handler: index === 5 ? 'Rare.one' : 'Billing.onOrder',
      }),
      MANY,
    );
    const timed = async (query: object): Promise<{ ms: number; rows: number; more: boolean }> => {
      const start = performance.now();
      const { more, rows } = await application.view('dead-letters', query);
      return { ms: Math.round(performance.now() - start), rows: rows.length, more };
    };
    await timed({});
    const figures = {
      all: await timed({}),
      stream: await timed({ stream: 'ORDERS' }),
      rareConsumer: await timed({ consumer: 'rare' }),
      rareHandler: await timed({ handler: 'Rare.one' }),
      middle: await timed({ after: String(Math.round(MANY / 2)) }),
    };
    if (process.env.BOARD_MANY !== undefined) process.stdout.write(`${JSON.stringify(figures)}\n`);
    expect(figures.all).toMatchObject({ rows: 50, more: false });
    expect(figures.stream).toMatchObject({ rows: 50, more: false });
    expect(figures.rareConsumer).toMatchObject({ rows: 1, more: false });
    // The handler is in the headers, which the server cannot search: the page ends, and says that there may be more.
    expect(figures.rareHandler).toMatchObject({ rows: 0, more: true });
    expect(figures.middle).toMatchObject({ rows: 50, more: false });
  });
});

describe('the view dead-letter', () => {
  it('shows payload and headers of the original', async () => {
    application = await startData(server.url, { feature: ORDERS });
    await store(() => ({ data: { id: 1 }, headers: { Tenant: 'a' } }));
    expect(await application.view('dead-letter', { sequence: '1' })).toMatchObject({
      sequence: 1,
      streamSequence: 1,
      omitted: false,
      canCallHandler: false,
      message: {
        headers: [['Tenant', ['a']]],
        payload: { form: 'json', content: '{"id":1}', size: 8, truncated: false, masked: false },
      },
    });
    await expect(application.view('dead-letter', { sequence: '2' })).rejects.toThrow(DeadLetterNotFoundError);
    await expect(application.view('dead-letter', {})).rejects.toThrow(InvalidArgumentError);
    await expect(application.view('dead-letter', { sequence: '0' })).rejects.toThrow(InvalidArgumentError);
  });

  it.each<[string, unknown, string, string]>([
    ['HTML', '<script>alert(1)</script>', 'text', '<script>alert(1)</script>'],
    ['escape sequences', '\u001b[31m\u0000', 'text', '\u001b[31m\u0000'],
    [
      'broken UTF-8',
      Buffer.from([0xc3, 0x28, 0xff]),
      'base64',
      Buffer.from([0xc3, 0x28, 0xff]).toString('base64'),
    ],
    [
      'a number with many digits',
      Buffer.from('{"id":12345678901234567890}'),
      'json',
      '{"id":12345678901234567890}',
    ],
    ['JSON with its spaces', Buffer.from('{ "a" : 1.0 }'), 'json', '{ "a" : 1.0 }'],
    ['nothing', new Uint8Array(0), 'text', ''],
  ])('shows %s as it is', async (_, data, form, content) => {
    application = await startData(server.url);
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    await store(() => ({ data: bytes }));
    const { message } = await application.view('dead-letter', { sequence: '1' });
    expect(message.payload).toMatchObject({ form, content, masked: false, truncated: false });
  });

  it('cuts large payloads between two characters', async () => {
    application = await startData(server.url, {}, { limit: 10 });
    await store(
      (index) => ({ data: Buffer.from(index === 0 ? 'ü'.repeat(100) : `a${'😀'.repeat(100)}`) }),
      2,
    );
    const [first, second] = await Promise.all(
      ['1', '2'].map((sequence) => application.view('dead-letter', { sequence })),
    );
    expect(first?.message.payload).toMatchObject({ content: 'ü'.repeat(5), size: 200, truncated: true });
    expect(second?.message.payload).toMatchObject({ content: 'a😀😀', size: 401, truncated: true });
  });
});

describe('a mask', () => {
  const SECRET = 'card 4111';

  it('changes payload, headers and error, everywhere', async () => {
    application = await startData(
      server.url,
      {},
      {
        mask: ({ error, headers, payload }) => ({
          payload: { ...(payload as object), card: '***' },
          headers: { ...headers, Card: '***' },
          error: error?.replace(SECRET, '***'),
        }),
      },
    );
    await store(() => ({
      data: { card: SECRET, id: 7 },
      headers: { Card: SECRET },
      error: `Error: ${SECRET}`,
    }));
    const texts = [
      await application.view('dead-letters'),
      await application.view('dead-letter', { sequence: '1' }),
    ];
    for (const shown of texts) {
      expect(JSON.stringify(shown)).not.toContain('4111');
      expect(JSON.stringify(shown)).toContain('***');
    }
    expect(texts[1]).toMatchObject({
      message: { payload: { masked: true, content: '{"card":"***","id":7}' } },
    });
    expect(application.data.possibleActions()).not.toContain('edit-and-replay');
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
    ['never answers', () => new Promise(() => undefined)],
    ['returns nothing', () => undefined],
    ['returns text', () => SECRET],
    [
      'has an accessor that throws',
      () => ({
        get payload() {
          throw new Error('no');
        },
      }),
    ],
    ['returns headers that are not ones', () => ({ payload: 'x', headers: 7 })],
    ['returns a function', () => ({ payload: () => SECRET })],
    [
      'returns a value that has no JSON',
      () => {
        const loop: { loop?: unknown } = {};
        loop.loop = loop;
        return { payload: loop };
      },
    ],
  ])('that %s hides the message', async (_, mask) => {
    application = await startData(server.url, {}, { mask: mask as () => object });
    await store(() => ({ data: SECRET, error: '' }));
    const { message } = await application.view('dead-letter', { sequence: '1' });
    expect(JSON.stringify(message)).not.toContain('4111');
    expect(message.payload.masked).toBe(true);
  });
});

describe('the actions of one dead letter', () => {
  const one = async (): Promise<{ sequence: number; time: string }> => {
    const [row] = (await application.view('dead-letters')).rows;
    if (row === undefined) throw new Error('there is no dead letter');
    return { sequence: row.sequence, time: row.time };
  };
  const stored = async (): Promise<string[]> => {
    const texts: string[] = [];
    const stream = await application.jetstream.stream('ORDERS');
    const { state } = await stream.info();
    if (state.messages === 0) return [];
    for (let sequence = state.firstSequence; sequence <= state.lastSequence; sequence++)
      texts.push(Buffer.from((await stream.getMessage(sequence)).data).toString());
    return texts;
  };

  it('replay, drop', async () => {
    application = await startData(server.url, { feature: ORDERS });
    await store((index) => ({ data: { index } }), 2);
    expect(await application.act('replay', await one())).toEqual({});
    expect(await stored()).toEqual(['{"index":1}']);
    expect(await application.act('drop', await one())).toEqual({});
    expect((await application.view('dead-letters')).rows).toEqual([]);
  });

  it('call the handler of this process', async () => {
    const handled = vi.fn<(order: unknown) => void>();
    @Injectable()
    class Billing {
      @JsConsumer({ stream: 'ORDERS', durable: 'billing', deadLetter: true })
      onOrder(@Payload() order: unknown): void {
        handled(order);
      }
    }
    application = await startData(server.url, { feature: ORDERS, providers: [Billing] });
    await store(() => ({ data: { id: 3 } }));
    expect(await application.view('dead-letter', { sequence: '1' })).toMatchObject({ canCallHandler: true });
    await application.act('replay', { ...(await one()), to: 'handler' });
    expect(handled.mock.calls).toEqual([[{ id: 3 }]]);
    expect((await application.view('dead-letters')).rows).toEqual([]);
  });

  it('do nothing to another dead letter with the same sequence', async () => {
    application = await startData(server.url, { feature: ORDERS });
    await store(() => ({}));
    const { sequence } = await one();
    for (const action of ['replay', 'drop'] as const) {
      await expect(application.act(action, { sequence, time: '2020-01-01T00:00:00.000Z' })).rejects.toThrow(
        DeadLetterNotFoundError,
      );
    }
    expect((await application.view('dead-letters')).rows).toHaveLength(1);
  });

  it('edit and replay', async () => {
    application = await startData(server.url, { feature: ORDERS });
    await store(() => ({ data: { id: 1 }, headers: { Tenant: 'a' } }));
    const result = await application.act('edit-and-replay', {
      ...(await one()),
      payload: { form: 'text', content: '{"id":2}' },
      headers: [['Tenant', ['b', 'c']]],
    });
    expect(result).toEqual({ stream: 'ORDERS', sequence: expect.any(Number) as number });
    const message = await (await application.jetstream.stream('ORDERS')).getMessage(result.sequence);
    expect(Buffer.from(message.data).toString()).toBe('{"id":2}');
    expect(message.headers?.values('Tenant')).toEqual(['b', 'c']);
    expect((await application.view('dead-letters')).rows).toEqual([]);
  });

  it('edit base64, and payloads of other codecs', async () => {
    application = await startData(server.url, { feature: ORDERS, options: { codec: reversed } });
    await store((index) => ({ data: index === 0 ? { id: 1 } : Buffer.from([0xff, 0x00]) }), 2);
    await application.act('edit-and-replay', {
      ...(await one()),
      payload: { form: 'base64', content: '/wA=' },
    });
    const { message } = await application.view('dead-letter', { sequence: '1' });
    expect(message.payload).toMatchObject({ form: 'json', content: '{"id":1}' });
    await application.act('edit-and-replay', {
      ...(await one()),
      payload: { form: 'text', content: '{"id":2}' },
    });
    expect(await stored()).toEqual([Buffer.from([0xff, 0x00]).toString(), '}2:"di"{']);
  });

  it.each<[string, object, abstract new (...args: never[]) => Error]>([
    ['no payload', {}, InvalidArgumentError],
    ['invalid JSON, for JSON', { payload: { form: 'text', content: '{"id"' } }, InvalidArgumentError],
    ['invalid base64', { payload: { form: 'base64', content: '???' } }, InvalidArgumentError],
    ['another form', { payload: { form: 'hex', content: 'ff' } }, InvalidArgumentError],
    ['content that is a number', { payload: { form: 'text', content: 7 } }, InvalidArgumentError],
    ['unknown members', { payload: { form: 'text', content: '1', codec: 'x' } }, InvalidArgumentError],
    [
      'headers that are an object',
      { payload: { form: 'text', content: '1' }, headers: { a: 'b' } },
      InvalidArgumentError,
    ],
    [
      'a header without values',
      { payload: { form: 'text', content: '1' }, headers: [['a', []]] },
      InvalidArgumentError,
    ],
    [
      'a header with a line break',
      { payload: { form: 'text', content: '1' }, headers: [['a', ['b\r\nc: d']]] },
      InvalidArgumentError,
    ],
    [
      'an instruction',
      { payload: { form: 'text', content: '1' }, headers: [['Nats-Rollup', ['all']]] },
      InvalidArgumentError,
    ],
    [
      '2 MB',
      { payload: { form: 'text', content: JSON.stringify('x'.repeat(2_000_000)) } },
      PayloadTooLargeError,
    ],
  ])('refuse to edit with %s', async (_, edit, error) => {
    application = await startData(server.url, { feature: ORDERS });
    await store(() => ({}));
    await expect(application.act('edit-and-replay', { ...(await one()), ...edit })).rejects.toThrow(error);
    expect((await application.view('dead-letters')).rows).toHaveLength(1);
    expect(await stored()).toEqual([]);
  });

  it('refuse a subject of the server', async () => {
    application = await startData(server.url, { feature: ORDERS });
    await store(() => ({ subject: '$JS.API.STREAM.DELETE.ORDERS' }));
    const input = { ...(await one()), payload: { form: 'text', content: '{}' } };
    await expect(application.act('edit-and-replay', input)).rejects.toThrow(ReplayRefusedError);
  });

  it('refuse to edit masked payloads', async () => {
    application = await startData(server.url, { feature: ORDERS }, { mask: () => ({ payload: 'x' }) });
    await store(() => ({}));
    const input = { ...(await one()), payload: { form: 'text', content: '{}' } };
    await expect(application.act('edit-and-replay', input)).rejects.toThrow(InvalidArgumentError);
  });
});

/** A codec that is not JSON: its text from the end to the beginning. */
const reversed: Codec = {
  contentType: 'application/x-reversed',
  encode: (value) => Buffer.from(JSON.stringify(value)).toReversed(),
  decode: (data) => JSON.parse(Buffer.from(data.toReversed()).toString()) as unknown,
};
