import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  BoardJobNotFoundError,
  BoardJobRunningError,
  InvalidArgumentError,
  type JetStreamService,
  JsConsumer,
  TooManyBoardJobsError,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JobRow } from '../../../lib/board/model/index.js';
import { storeLetters } from '../../consuming/dead-letters/stored-letters.js';
import { eventually } from '../../support/eventually.js';
import { type DataApplication, startData } from './start-data.js';

/** The long form replays as many as a team has after a bad night. */
const MANY = process.env.BOARD_MANY === undefined ? 10_000 : 100_000;

let server: NatsTestServer;
let application: DataApplication;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

const ORDERS = {
  streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' as const, duplicateWindow: 120_000 }],
};
beforeEach(async () => {
  application = await startData(server.url, { feature: ORDERS });
});
afterEach(async () => {
  for (const name of ['DEAD_LETTERS', 'ORDERS', 'KV_jetstream-board'])
    await application.jetstream.deleteStream(name).catch(() => undefined);
  await application[Symbol.asyncDispose]();
});

const store = (count: number): Promise<void> =>
  storeLetters(application.jetstream, count, (index) => ({
    handler: index % 2 === 0 ? 'Even.handle' : 'Odd.handle',
    consumer: index % 2 === 0 ? 'even' : 'odd',
    error: `Error: number ${index}`,
  }));
const countOf = async (
  stream: string,
  jetstream: JetStreamService = application.jetstream,
): Promise<number> => (await (await jetstream.stream(stream)).info()).state.messages;
const job = (id: string, on = application): Promise<JobRow> => on.view('job', { id });
const ended = (id: string, on = application): Promise<JobRow> =>
  eventually(
    () => job(id, on),
    ({ state }) => state !== 'running',
    120_000,
  );

describe('a job', () => {
  it('replays everything that existed at its start', async () => {
    await store(1_000);
    const { id, state } = await application.act('replay-all', { selection: {} });
    expect(state).toBe('running');
    const end = await ended(id);
    expect(end).toMatchObject({
      kind: 'replay',
      state: 'done',
      done: 1_000,
      read: 1_000,
      failed: 0,
      total: 1_000,
      until: 1_000,
      position: 1_000,
      by: 'ada',
    });
    expect(end.endedAt).toBeDefined();
    expect([await countOf('DEAD_LETTERS'), await countOf('ORDERS')]).toEqual([0, 1_000]);
    expect((await application.view('jobs')).rows.map((each) => each.id)).toEqual([id]);
  });

  it.each<[string, object, number]>([
    ['a consumer', { consumer: 'odd' }, 500],
    ['a handler', { handler: 'Even.handle' }, 500],
    ['a subject', { subject: 'orders.none' }, 0],
    ['times', { until: '2020-01-01T00:00:00.000Z' }, 0],
  ])('replays or drops only the selected ones: %s', async (_, selection, count) => {
    await store(1_000);
    const dropped = await ended((await application.act('drop-all', { selection })).id);
    expect(dropped).toMatchObject({ state: 'done', done: count });
    expect(await countOf('DEAD_LETTERS')).toBe(1_000 - count);
    const replayed = await ended((await application.act('replay-all', { selection: {} })).id);
    expect(replayed).toMatchObject({ state: 'done', done: 1_000 - count });
    expect(await countOf('ORDERS')).toBe(1_000 - count);
  });

  it('keeps what cannot be replayed, and says why', async () => {
    await storeLetters(application.jetstream, 100, (index) => ({
      subject: index % 10 === 0 ? 'unknown.x' : 'orders.x',
    }));
    const end = await ended((await application.act('replay-all', { selection: {} })).id);
    expect(end).toMatchObject({ state: 'done', done: 90, failed: 10, read: 100 });
    expect(end.lastError).toMatch(/^\d+: No stream answered a publish to "unknown\.x"/);
    expect(await countOf('DEAD_LETTERS')).toBe(10);
  });

  it('keeps a rate', async () => {
    await store(100);
    const start = performance.now();
    await ended((await application.act('drop-all', { selection: {}, rate: 50 })).id);
    expect(performance.now() - start).toBeGreaterThan(1_800);
  });

  it(
    `replays ${MANY}, is stopped half-way, and is continued by another instance`,
    { timeout: 300_000 },
    async () => {
      await store(MANY);
      await using other = await startData(server.url, { feature: ORDERS });
      const { id } = await application.act('replay-all', { selection: {} });
      const half = await eventually(
        () => job(id, other),
        ({ done }) => done >= MANY / 4,
        120_000,
      );
      // The one that does not run it.
      const stopped = await other.act('stop-job', { id });
      expect(stopped).toMatchObject({ state: 'stopped', by: 'ada' });
      expect(stopped.done).toBeGreaterThanOrEqual(half.done);
      expect(stopped.done).toBeLessThan(MANY);
      const left = await countOf('DEAD_LETTERS');
      expect(left).toBe(MANY - stopped.done);
      expect(await countOf('ORDERS')).toBe(stopped.done);
      // Nothing goes on.
      await new Promise((resolve) => setTimeout(resolve, 700));
      expect(await countOf('DEAD_LETTERS')).toBe(left);
      const start = performance.now();
      await other.act('continue-job', { id });
      const end = await ended(id);
      if (process.env.BOARD_MANY !== undefined)
        process.stdout.write(
          `${end.done - stopped.done} replayed in ${Math.round(performance.now() - start)} ms\n`,
        );
      expect(end).toMatchObject({ state: 'done', done: MANY, read: MANY, failed: 0 });
      expect([await countOf('DEAD_LETTERS'), await countOf('ORDERS')]).toEqual([0, MANY]);
    },
  );

  it('is interrupted when its application ends, and loses and repeats nothing', async () => {
    await store(4_000);
    const first = await startData(server.url, { feature: ORDERS });
    const { id } = await first.act('replay-all', { selection: {}, rate: 2_000 });
    await eventually(
      () => countOf('ORDERS'),
      (count) => count > 500,
    );
    await first[Symbol.asyncDispose]();
    expect(await job(id)).toMatchObject({ state: 'interrupted' });
    await application.act('continue-job', { id, rate: 1_000_000 });
    expect(await ended(id)).toMatchObject({ state: 'done', rate: 1_000_000, failed: 0 });
    expect([await countOf('DEAD_LETTERS'), await countOf('ORDERS')]).toEqual([0, 4_000]);
  });

  it('counts as interrupted when its instance is gone, and is taken by one of those that want it', async () => {
    await store(500);
    const { id } = await application.act('replay-all', { selection: { subject: 'none' } });
    await ended(id);
    // A job whose instance was killed.
    const bucket = await application.keyValue.open<Record<string, unknown>>('jetstream-board');
    const entry = await bucket.getOrThrow(`job.${id}`);
    await bucket.put(`job.${id}`, {
      ...entry.value,
      state: 'running',
      selection: {},
      position: 0,
      run: randomUUID(),
    });
    await expect(application.act('continue-job', { id })).rejects.toThrow(BoardJobRunningError);
    await expect(application.act('remove-job', { id })).rejects.toThrow(BoardJobRunningError);
    const now = Date.now();
    vi.spyOn(Date, 'now').mockImplementation(() => now + 20_000);
    try {
      expect(await job(id)).toMatchObject({ state: 'interrupted' });
      await using other = await startData(server.url, { feature: ORDERS });
      const both = await Promise.allSettled(
        [application, other].map((each) => each.act('continue-job', { id })),
      );
      expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      vi.restoreAllMocks();
      expect(await ended(id)).toMatchObject({ state: 'done', done: 500 });
      expect(await countOf('ORDERS')).toBe(500);
    } finally {
      vi.restoreAllMocks();
    }
  });

  it('does not block the end of its application if a handler never ends', async () => {
    @Injectable()
    class Billing {
      @JsConsumer({ stream: 'ORDERS', durable: 'billing', deadLetter: true })
      onOrder(): Promise<void> {
        return new Promise(() => undefined);
      }
    }
    const hanging = await startData(server.url, { feature: ORDERS, providers: [Billing] });
    await storeLetters(hanging.jetstream, 10);
    const { id } = await hanging.act('replay-all', { selection: {}, to: 'handler' });
    const since = performance.now();
    await hanging[Symbol.asyncDispose]();
    expect(performance.now() - since).toBeLessThan(20_000);
    expect(await job(id)).toMatchObject({ state: 'interrupted', done: 0, read: 0 });
    expect(await countOf('DEAD_LETTERS')).toBe(10);
  });

  it('that was killed is stopped at once, and shows no results beyond its position', async () => {
    await store(300);
    const { id } = await application.act('search', { selection: {}, text: 'number' });
    await ended(id);
    const bucket = await application.keyValue.open<Record<string, unknown>>('jetstream-board');
    const entry = await bucket.getOrThrow(`job.${id}`);
    // As a killed run leaves it: running, with a position before its last results.
    await bucket.put(`job.${id}`, { ...entry.value, state: 'running', position: 201, done: 100, read: 100 });
    const now = Date.now();
    vi.spyOn(Date, 'now').mockImplementation(() => now + 20_000);
    try {
      expect((await job(id)).found).toHaveLength(100);
      expect(await application.act('stop-job', { id })).toMatchObject({ state: 'stopped' });
      await application.act('continue-job', { id });
      vi.restoreAllMocks();
      const end = await ended(id);
      expect(end).toMatchObject({ state: 'done', done: 300, read: 300 });
      expect(new Set(end.found?.map(({ sequence }) => sequence)).size).toBe(300);
      expect(end.found).toHaveLength(300);
    } finally {
      vi.restoreAllMocks();
    }
  });

  it('fails if the stream was created again after its start', async () => {
    await store(50);
    const { id } = await application.act('drop-all', { selection: {}, rate: 1 });
    await application.act('stop-job', { id });
    await application.jetstream.deleteStream('DEAD_LETTERS');
    await store(50);
    await application.act('continue-job', { id, rate: 1_000_000 });
    expect(await ended(id)).toMatchObject({
      state: 'failed',
      lastError: expect.stringContaining('created again') as string,
    });
    expect(await countOf('DEAD_LETTERS')).toBe(50);
  });

  it('is refused if twenty run or wait', async () => {
    await store(50);
    for (let i = 0; i < 20; i++) await application.act('drop-all', { selection: {}, rate: 1 });
    await expect(application.act('drop-all', { selection: {} })).rejects.toThrow(TooManyBoardJobsError);
  });

  it('of a board without a mask shows no texts on one with a mask', async () => {
    await store(20);
    const { id } = await application.act('search', { selection: {}, text: 'number 7' });
    expect((await ended(id)).found).toHaveLength(1);
    await using masked = await startData(
      server.url,
      { feature: ORDERS },
      { mask: () => ({ payload: 'hidden' }) },
    );
    const shown = [await job(id, masked), (await masked.view('jobs')).rows];
    expect(JSON.stringify(shown)).not.toContain('Error: number');
    await expect(masked.act('continue-job', { id })).rejects.toThrow(InvalidArgumentError);
    const replay = await masked.act('replay-all', { selection: {}, to: 'handler' });
    const { lastError } = await ended(replay.id, masked);
    expect(lastError).not.toContain('number');
  });

  it('searches, the newest first, and can be read by everyone', async () => {
    await store(3_000);
    const end = await ended((await application.act('search', { selection: {}, text: 'NUMBER 1234' })).id);
    expect(end).toMatchObject({ state: 'done', done: 1, read: 3_000, text: 'NUMBER 1234' });
    expect(end.found).toEqual([expect.objectContaining({ sequence: 1_235, error: 'Error: number 1234' })]);
    const many = await ended((await application.act('search', { selection: {}, text: 'number' })).id);
    expect(many.found?.length).toBeGreaterThan(500);
    expect(many.found?.length).toBeLessThanOrEqual(1_000);
    expect(many.found?.[0]?.sequence).toBe(3_000);
    expect(await countOf('DEAD_LETTERS')).toBe(3_000);
    const payload = await ended((await application.act('search', { selection: {}, text: '"index":77}' })).id);
    expect(payload.found?.map(({ sequence }) => sequence)).toEqual([78]);
  });

  it('runs beside one other, and the third one waits for its turn', async () => {
    await store(600);
    const start = async (rate: number): Promise<string> =>
      (await application.act('drop-all', { selection: {}, rate })).id;
    const slow = [await start(1), await start(1)];
    const third = await start(1_000_000);
    await eventually(
      () => job(slow[0] ?? ''),
      ({ done }) => done > 0,
    );
    expect(await job(third)).toMatchObject({ state: 'running', done: 0, read: 0 });
    expect(await application.act('stop-job', { id: slow[1] })).toMatchObject({ state: 'stopped' });
    expect(await ended(third)).toMatchObject({ state: 'done' });
    expect(await application.act('stop-job', { id: slow[0] })).toMatchObject({ state: 'stopped' });
    expect(await countOf('DEAD_LETTERS')).toBe(0);
  });

  it('that waits for its turn can be stopped', async () => {
    await store(100);
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.push((await application.act('drop-all', { selection: {}, rate: 1 })).id);
    for (const id of ids.toReversed())
      expect(await application.act('stop-job', { id })).toMatchObject({ state: 'stopped' });
  });

  it('is forgotten when it is removed', async () => {
    await store(10);
    const { id } = await application.act('search', { selection: {}, text: 'x' });
    await ended(id);
    expect(await application.act('remove-job', { id })).toEqual({});
    expect((await application.view('jobs')).rows).toEqual([]);
    for (const call of [
      () => job(id),
      () => application.act('stop-job', { id }),
      () => application.act('continue-job', { id }),
      () => application.act('remove-job', { id }),
    ])
      await expect(call()).rejects.toThrow(BoardJobNotFoundError);
  });

  it('tells listeners about its changes', async () => {
    await store(10);
    const listener = vi.fn<() => void>();
    const off = application.data.onJobs(listener);
    const { id } = await application.act('drop-all', { selection: {} });
    await ended(id);
    expect(listener.mock.calls.length).toBeGreaterThan(1);
    listener.mockClear();
    await application.act('remove-job', { id });
    expect(listener).toHaveBeenCalled();
    off();
    listener.mockClear();
    await application.act('drop-all', { selection: {} });
    expect(listener).not.toHaveBeenCalled();
  });

  it('that another client wrote in another form is not shown', async () => {
    await store(1);
    await ended((await application.act('drop-all', { selection: {} })).id);
    const bucket = await application.keyValue.open('jetstream-board');
    await bucket.put('job.bad', { id: 'bad' });
    await bucket.put('job.text', new TextEncoder().encode('{'));
    await bucket.put('other', 1);
    expect((await application.view('jobs')).rows).toHaveLength(1);
    await expect(job('bad')).rejects.toThrow(BoardJobNotFoundError);
  });

  it.each<[string, 'replay-all' | 'drop-all' | 'search' | 'stop-job' | 'continue-job', unknown]>([
    ['no selection', 'drop-all', {}],
    ['a selection that is a list', 'drop-all', { selection: [] }],
    ['an unknown criterion', 'drop-all', { selection: { streem: 'X' } }],
    ['a stream with wildcards', 'replay-all', { selection: { stream: '>' } }],
    ['a rate of 0', 'replay-all', { selection: {}, rate: 0 }],
    ['a rate that is text', 'replay-all', { selection: {}, rate: '5' }],
    ['another target', 'replay-all', { selection: {}, to: 'everywhere' }],
    ['a search without text', 'search', { selection: {} }],
    ['an id with a wildcard', 'stop-job', { id: '*' }],
    ['an id with a dot', 'continue-job', { id: 'a.b' }],
    ['an input that is text', 'drop-all', 'all'],
  ])('is refused: %s', async (_, action, input) => {
    await store(1);
    await expect(application.act(action, input)).rejects.toThrow(InvalidArgumentError);
    expect(await countOf('DEAD_LETTERS')).toBe(1);
  });
});
