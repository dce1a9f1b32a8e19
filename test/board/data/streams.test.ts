import {
  ConsumerNotFoundError,
  InvalidArgumentError,
  InvalidSubjectError,
  MessageNotFoundError,
  StreamNotFoundError,
  UnsupportedServerFeatureError,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesOf, DataParts, HOSTILE } from './data-parts.js';

const BROKEN_UTF8 = Uint8Array.of(0xff, 0xfe, 0x41);
const HTML = '<img src=x onerror=alert(1)>\u001b[31m';

let server: NatsTestServer;
let data: DataParts;
beforeAll(async () => {
  server = await NatsTestServer.start();
  data = await DataParts.start(server.url);
});
afterAll(async () => {
  await data[Symbol.asyncDispose]();
  await server.stop();
});

describe('the view streams', () => {
  const NAMES = Array.from({ length: 300 }, (_, i) => `S${String(i).padStart(3, '0')}`);
  beforeAll(async () => {
    for (const name of NAMES)
      await data.js.createStream({ name, subjects: [`s.${name}`], storage: 'memory' });
  });
  afterAll(() => data.clear());

  it.each([200, 7, 50])('has pages by name, each stream once (limit %i)', async (limit) => {
    // 50 is the default.
    const query: Record<string, string> = limit === 50 ? {} : { limit: String(limit) };
    const { rows, pages } = await data.pages('streams', query);
    expect(rows.map(({ name }) => name)).toEqual(NAMES);
    expect(pages).toBe(Math.ceil(300 / limit));
  });

  it('says how many there are, and what each contains', async () => {
    const { sequence } = await data.js.publish('s.S001', 'x');
    const { rows, total, next } = await data.view('streams', { limit: '2' });
    expect({ total, next }).toEqual({ total: 300, next: '2' });
    expect(rows[1]).toMatchObject({
      name: 'S001',
      subjects: ['s.S001'],
      messages: 1,
      lastSequence: sequence,
      storage: 'memory',
      retention: 'limits',
      replicas: 1,
    });
    expect(rows[1].lastTime).toMatch(/^\d{4}-.*Z$/);
    expect(rows[0]).not.toHaveProperty('lastTime');
  });

  it('is searched by a part of the name, in upper or lower case, over all pages of the server', async () => {
    const { rows, pages } = await data.pages('streams', { search: 's29', limit: '4' });
    expect(rows.map(({ name }) => name)).toEqual(NAMES.slice(290));
    expect(pages).toBe(3);
    expect((await data.view('streams', { search: 'nothing' })).rows).toEqual([]);
    for (const search of ['..', '*', '>', '$', '__proto__', '.*'])
      expect((await data.view('streams', { search })).rows, search).toEqual([]);
  });

  it('has an empty page beyond the end', async () => {
    for (const after of ['300', String(Number.MAX_SAFE_INTEGER)])
      expect(await data.view('streams', { after })).toEqual({ rows: [], total: 300 });
  });

  it.each([
    { limit: '0' },
    { limit: '201' },
    { limit: '99999999999999999999' },
    { limit: '1.5' },
    { after: '-1' },
    { after: 'x' },
    { after: '9007199254740993' },
    { after: '9'.repeat(1_048_576) },
    { search: '' },
    { search: 'x'.repeat(1_048_576) },
    { connection: 'other' },
    { unknown: '1' },
    { toString: '1' },
    JSON.parse('{"__proto__":"1"}') as Record<string, string>,
  ])('refuses invalid parameters, with a short error (%#)', async (query) => {
    const error = await data.view('streams', query).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect((error as Error).message.length).toBeLessThan(1_000);
  });
});

describe('the view stream', () => {
  it('has the configuration as JSON', async () => {
    await data.js.createStream({
      name: 'ONE',
      subjects: ['one.>'],
      maxAge: 60_000,
      metadata: { owner: HTML },
    });
    const view = await data.view('stream', { stream: 'ONE' });
    expect(view).toMatchObject({ name: 'ONE', config: { maxAge: 60_000, metadata: { owner: HTML } } });
    expect(view.created).toMatch(/^\d{4}-.*Z$/);
    await data.clear();
  });

  it('rejects if there is none', async () => {
    await expect(data.view('stream', { stream: 'NONE' })).rejects.toThrow(StreamNotFoundError);
    await expect(data.view('stream', {})).rejects.toThrow(InvalidArgumentError);
    await expect(data.view('stream', { stream: '__proto__' })).rejects.toThrow(StreamNotFoundError);
  });

  it.each(HOSTILE)('refuses the name %#', async (stream) => {
    for (const name of ['stream', 'consumers', 'messages'] as const)
      await expect(data.view(name, { stream })).rejects.toThrow(InvalidArgumentError);
  });
});

describe('the view consumers', () => {
  const NAMES = Array.from({ length: 260 }, (_, i) => `c${String(i).padStart(3, '0')}`);
  beforeAll(async () => {
    await data.js.createStream({ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' });
    for (const durable of NAMES)
      await data.js.createConsumer('ORDERS', { durable, filterSubject: `orders.${durable}` });
    await data.js.createPushConsumer('ORDERS', { durable: 'push', deliverSubject: 'deliver.here' });
  });
  afterAll(() => data.clear());

  it('has pages by name, each consumer once', async () => {
    for (const limit of ['200', '33']) {
      const { rows } = await data.pages('consumers', { stream: 'ORDERS', limit });
      expect(rows.map(({ name }) => name)).toEqual([...NAMES, 'push']);
    }
    expect(await data.view('consumers', { stream: 'ORDERS', limit: '1' })).toMatchObject({
      total: 261,
      next: '1',
    });
    expect(await data.view('consumers', { stream: 'ORDERS', after: '261' })).toEqual({
      rows: [],
      total: 261,
    });
  });

  it('says what a consumer has to do', async () => {
    await data.js.publish('orders.c000', 1);
    await data.js.publish('orders.c000', 2);
    const consumer = await data.js.consumer('ORDERS', 'c000');
    await consumer.next();
    const { rows } = await data.view('consumers', { stream: 'ORDERS', limit: '1' });
    expect(rows[0]).toMatchObject({
      name: 'c000',
      stream: 'ORDERS',
      filters: ['orders.c000'],
      isPush: false,
      pending: 1,
      ackPending: 1,
      deliveredSequence: 1,
      ackFloor: 0,
      config: { durable: 'c000', ackPolicy: 'explicit' },
    });
    expect(rows[0]).not.toHaveProperty('pausedUntil');
    const last = await data.view('consumers', { stream: 'ORDERS', after: '260' });
    expect(last.rows[0]).toMatchObject({ name: 'push', filters: [], isPush: true });
  });

  it('rejects if there is no stream', async () => {
    await expect(data.view('consumers', { stream: 'NONE' })).rejects.toThrow(StreamNotFoundError);
  });
});

describe.each([
  { allowDirect: true, how: 'in batches' },
  { allowDirect: false, how: 'one by one' },
])('the view messages, read $how', ({ allowDirect }) => {
  const stream = allowDirect ? 'DIRECT' : 'PLAIN';
  const subjectOf = (sequence: number): string => `${stream}.${sequence % 100 === 0 ? 'rare' : 'often'}`;
  /** Messages 1,001 to 1,500, and each seventh one, are deleted. */
  const isDeleted = (sequence: number): boolean =>
    (sequence > 1_000 && sequence <= 1_500) || sequence % 7 === 0;
  const all = Array.from({ length: 3_000 }, (_, i) => i + 1);
  const left = all.filter((sequence) => !isDeleted(sequence)).toReversed();

  beforeAll(async () => {
    const { js } = data;
    const created = await js.createStream({
      name: stream,
      subjects: [`${stream}.>`],
      storage: 'memory',
      allowDirect,
    });
    for (const sequence of all) {
      await js.publishAsyncReady();
      js.publishAsync(subjectOf(sequence), { sequence }, { headers: { 'X-Number': String(sequence) } });
    }
    await js.publishAsyncComplete();
    for (const sequence of all.filter(isDeleted)) await created.deleteMessage(sequence);
  });
  afterAll(() => data.clear());

  it.each(['200', '50'])('is newest first, without deleted ones (limit %s)', async (limit) => {
    const { rows } = await data.pages('messages', { stream, limit });
    expect(rows.map(({ sequence }) => sequence)).toEqual(left);
    expect(rows[0]).toEqual({
      stream,
      sequence: left[0],
      subject: subjectOf(left[0]),
      time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      headers: [['X-Number', [String(left[0])]]],
      payload: {
        form: 'json',
        content: JSON.stringify({ sequence: left[0] }),
        size: JSON.stringify({ sequence: left[0] }).length,
        truncated: false,
        masked: false,
      },
    });
  });

  it('begins below a sequence', async () => {
    const { rows, next, total } = await data.view('messages', { stream, after: '1600', limit: '1' });
    expect(rows.map(({ sequence }) => sequence)).toEqual([1_599]);
    expect({ next, total }).toEqual({ next: '1599', total: left.length });
    for (const after of ['0', '1'])
      expect(await data.view('messages', { stream, after })).toEqual({ rows: [], total: left.length });
    const beyond = await data.view('messages', {
      stream,
      after: String(Number.MAX_SAFE_INTEGER),
      limit: '1',
    });
    expect(beyond.rows[0].sequence).toBe(left[0]);
  });

  it('selects by subject, also if few messages match', async () => {
    const rare = left.filter((sequence) => sequence % 100 === 0);
    const { rows, pages } = await data.pages('messages', { stream, subject: `${stream}.rare`, limit: '10' });
    expect(rows.map(({ sequence }) => sequence)).toEqual(rare);
    expect(pages).toBeLessThan(20);
    const often = await data.pages('messages', { stream, subject: `*.often`, limit: '200' });
    expect(often.rows).toHaveLength(left.length - rare.length);
    const none = await data.pages('messages', { stream, subject: `${stream}.never` });
    expect(none.rows).toEqual([]);
    expect(none.pages).toBe(1);
  });

  it.each(['..', 'a b', 'a.>.b', '.', `${stream}.`, 'x'.repeat(1_048_576)])(
    'refuses the filter %#, also for an empty stream',
    async (subject) => {
      await expect(data.view('messages', { stream, subject })).rejects.toThrow(InvalidSubjectError);
    },
  );

  it('ends when the caller leaves', async () => {
    const reason = new Error('the caller has left');
    await expect(data.view('messages', { stream }, AbortSignal.abort(reason))).rejects.toThrow(reason);
  });

  it('has the payload as a file, byte for byte', async () => {
    const { sequence } = await data.js.publish(`${stream}.raw`, BROKEN_UTF8);
    const file = await data.download('message', { stream, sequence: String(sequence) });
    expect(file).toMatchObject({ fileName: `${stream}-${sequence}.bin`, size: 3 });
    expect((await bytesOf(file.content)).equals(BROKEN_UTF8)).toBe(true);
    for (const missing of ['7', '999999'])
      await expect(data.download('message', { stream, sequence: missing })).rejects.toThrow(
        MessageNotFoundError,
      );
    for (const invalid of ['0', '-1', 'x', '1.5', '', '99999999999999999999'])
      await expect(data.download('message', { stream, sequence: invalid })).rejects.toThrow(
        InvalidArgumentError,
      );
    await expect(data.download('message', { stream: 'NONE', sequence: '1' })).rejects.toThrow(
      StreamNotFoundError,
    );
  });
});

describe('the view messages', () => {
  afterAll(() => data.clear());

  it('is empty for a stream that has none, or was purged', async () => {
    const stream = await data.js.createStream({ name: 'EMPTY', subjects: ['empty'], storage: 'memory' });
    expect(await data.view('messages', { stream: 'EMPTY' })).toEqual({ rows: [], total: 0 });
    await data.js.publish('empty', 1);
    await stream.purge();
    expect(await data.view('messages', { stream: 'EMPTY' })).toEqual({ rows: [], total: 0 });
  });

  it('shows hostile payloads as what they are', async () => {
    await data.js.createStream({
      name: 'HOSTILE',
      subjects: ['hostile'],
      storage: 'memory',
      allowDirect: true,
    });
    const large = 'ü'.repeat(500_000);
    for (const payload of [HTML, BROKEN_UTF8, new Uint8Array(0), '{"__proto__":{"a":1}}', large])
      await data.js.publish('hostile', payload);
    const { rows } = await data.view('messages', { stream: 'HOSTILE' });
    const shown = rows.map(({ payload }) => payload).toReversed();
    expect(shown[0]).toMatchObject({ form: 'text', content: HTML, truncated: false });
    expect(shown[1]).toMatchObject({ form: 'base64', content: '//5B', size: 3 });
    expect(shown[2]).toMatchObject({ form: 'text', content: '', size: 0 });
    expect(shown[3]).toMatchObject({ form: 'json', content: '{"__proto__":{"a":1}}' });
    expect(shown[4]).toMatchObject({
      form: 'text',
      content: 'ü'.repeat(5_000),
      truncated: true,
      size: 1_000_000,
    });
  });

  it.each([true, false])('has shorter pages of large messages (allowDirect %s)', async (allowDirect) => {
    const name = `LARGE_${allowDirect}`;
    await data.js.createStream({ name, subjects: [name], storage: 'memory', allowDirect });
    for (let i = 0; i < 40; i++) await data.js.publish(name, new Uint8Array(1_000_000));
    const first = await data.view('messages', { stream: name, limit: '200' });
    expect(first.rows.length).toBeGreaterThan(3);
    expect(first.rows.length).toBeLessThan(20);
    const { rows } = await data.pages('messages', { stream: name, limit: '200' });
    expect(rows.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 40 }, (_, i) => 40 - i));
  });

  it('shows what the mask returns', async () => {
    await data.js.createStream({ name: 'SECRETS', subjects: ['secrets'], storage: 'memory' });
    await data.js.publish('secrets', { card: '4111' });
    await using masked = await DataParts.start(server.url, {
      mask: () => ({ payload: 'hidden', headers: {} }),
    });
    const text = JSON.stringify(await masked.view('messages', { stream: 'SECRETS' }));
    expect(text).not.toContain('4111');
    expect(text).toContain('hidden');
  });

  it('reads the stream of a bucket as any other', async () => {
    const bucket = await data.kv.create({ bucket: 'settings', storage: 'memory' });
    await bucket.put('color', 'blue');
    const { rows } = await data.view('messages', { stream: 'KV_settings', subject: '$KV.settings.>' });
    expect(rows[0]).toMatchObject({ subject: '$KV.settings.color', payload: { content: '"blue"' } });
  });
});

describe('the commands of consumers', () => {
  const consumer = { stream: 'WORK', consumer: 'worker' };
  const inAnHour = (): string => new Date(Date.now() + 3_600_000).toISOString();
  beforeAll(async () => {
    await data.js.createStream({ name: 'WORK', subjects: ['work'], storage: 'memory' });
    await data.js.createConsumer('WORK', { durable: 'worker' });
  });
  afterAll(() => data.clear());

  it('pause and resume on the server', async () => {
    expect(data.isPossible('pause-consumer')).toBe(true);
    const until = inAnHour();
    expect(await data.act('pause-consumer', { ...consumer, until })).toEqual({ pausedUntil: until });
    expect((await (await data.js.consumer('WORK', 'worker')).info()).paused).toBe(true);
    expect((await data.view('consumers', { stream: 'WORK' })).rows[0].pausedUntil).toBe(until);
    expect(await data.act('resume-consumer', consumer)).toEqual({});
    expect((await (await data.js.consumer('WORK', 'worker')).info()).paused).toBe(false);
    expect((await data.view('consumers', { stream: 'WORK' })).rows[0]).not.toHaveProperty('pausedUntil');
  });

  it.each([
    '2020-01-01T00:00:00Z',
    '9999-01-01T00:00:00Z',
    'tomorrow',
    '',
    1,
    null,
    undefined,
    'x'.repeat(1_048_576),
  ])('refuse the time %#', async (until) => {
    await expect(data.act('pause-consumer', { ...consumer, until })).rejects.toThrow(InvalidArgumentError);
    expect((await (await data.js.consumer('WORK', 'worker')).info()).paused).toBe(false);
  });

  it('reject if there is no such consumer or stream', async () => {
    const until = inAnHour();
    const missing = { ...consumer, consumer: 'missing' };
    await expect(data.act('pause-consumer', { ...missing, until })).rejects.toThrow(ConsumerNotFoundError);
    await expect(data.act('resume-consumer', missing)).rejects.toThrow(ConsumerNotFoundError);
    await expect(data.act('resume-consumer', { ...consumer, stream: 'NONE' })).rejects.toThrow();
    await expect(data.act('resume-consumer', { ...consumer, extra: 1 })).rejects.toThrow(
      InvalidArgumentError,
    );
  });

  it.each(HOSTILE)('refuse the name %#', async (name) => {
    for (const input of [
      { ...consumer, stream: name },
      { ...consumer, consumer: name },
    ])
      await expect(data.act('resume-consumer', input)).rejects.toThrow(InvalidArgumentError);
  });
});

describe.each(['2.9', '2.10'])('with nats-server %s', (version) => {
  it('messages are read, and pausing is refused', async () => {
    await using old = await NatsTestServer.start({ version });
    await using parts = await DataParts.start(old.url);
    const stream = await parts.js.createStream({
      name: 'OLD',
      subjects: ['old.>'],
      storage: 'memory',
      allowDirect: true,
    });
    for (let i = 1; i <= 300; i++) await parts.js.publish(`old.${i % 2}`, i);
    for (let i = 100; i < 200; i++) await stream.deleteMessage(i);
    const { rows } = await parts.pages('messages', { stream: 'OLD', limit: '40' });
    expect(rows).toHaveLength(200);
    const half = await parts.pages('messages', { stream: 'OLD', subject: 'old.1' });
    expect(half.rows).toHaveLength(100);
    await parts.js.createConsumer('OLD', { durable: 'reader' });
    expect((await parts.view('consumers', { stream: 'OLD' })).rows).toHaveLength(1);
    expect(parts.isPossible('pause-consumer')).toBe(false);
    const input = { stream: 'OLD', consumer: 'reader', until: new Date(Date.now() + 60_000).toISOString() };
    await expect(parts.act('pause-consumer', input)).rejects.toThrow(UnsupportedServerFeatureError);
  });
});
