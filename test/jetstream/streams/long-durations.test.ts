import {
  InvalidArgumentError,
  JetStreamModule,
  JetStreamService,
  KeyValueService,
  type ConsumerConfig,
  type StreamConfig,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../../support/application.js';

const LONGEST = 9_223_372_036_854;
const LONGEST_TTL = 200 * 365 * 86_400_000;
const TOO_LATE = new Date('2262-04-12T00:00:00Z');
const TOO_EARLY = new Date('1677-09-20T00:00:00Z');

describe('durations and times beyond the range of servers', () => {
  let server: NatsTestServer;
  let application: TestApplication;
  let jetstream: JetStreamService;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    application = await startApplication(server.url, {
      feature: {
        streams: [{ name: 'S', subjects: ['s.>'], allowMessageTtl: true, allowMessageSchedules: true }],
      },
    });
    jetstream = application.app.get(JetStreamService);
    await jetstream.createConsumer('S', { durable: 'c' });
  });
  afterAll(async () => {
    await application[Symbol.asyncDispose]();
    await server.stop();
  });

  const stream = (config: Partial<StreamConfig>): Promise<unknown> =>
    jetstream.createStream({ name: 'X', subjects: ['x'], ...config });
  const consumer = (config: ConsumerConfig): Promise<unknown> => jetstream.createConsumer('S', config);

  const durations: [string, (ms: number) => Promise<unknown>][] = [
    ['maxAge', (maxAge) => stream({ maxAge })],
    ['duplicateWindow', (duplicateWindow) => stream({ duplicateWindow, maxAge: 0 })],
    ['subjectDeleteMarkerTtl', (subjectDeleteMarkerTtl) => stream({ subjectDeleteMarkerTtl })],
    [
      'consumerLimits.inactiveThreshold',
      (inactiveThreshold) => stream({ consumerLimits: { inactiveThreshold } }),
    ],
    ['ackWait', (ackWait) => consumer({ ackWait })],
    ['backoff[0]', (backoff) => consumer({ backoff: [backoff], maxDeliver: 2 })],
    ['inactiveThreshold', (inactiveThreshold) => consumer({ inactiveThreshold })],
    ['maxRequestExpires', (maxRequestExpires) => consumer({ maxRequestExpires })],
    ['pinnedTtl', (pinnedTtl) => consumer({ pinnedTtl })],
    [
      'idleHeartbeat',
      (idleHeartbeat) => jetstream.createPushConsumer('S', { deliverSubject: 'p', idleHeartbeat }),
    ],
  ];
  it.each(durations)('%s', async (argument, create) => {
    for (const ms of [LONGEST + 1, 1e13, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE]) {
      const failure: unknown = await create(ms).catch((error: unknown) => error);
      expect(failure).toMatchObject({ constructor: InvalidArgumentError, argument });
    }
  });

  it.each<[string, (ttl: number) => Promise<unknown>]>([
    ['ttl', (ttl) => jetstream.publish('s.a', 'x', { ttl })],
    [
      'schedule.ttl',
      (ttl) => jetstream.publish('s.a', 'x', { schedule: { at: new Date(), target: 's.b', ttl } }),
    ],
  ])('the %s of a message', async (argument, publish) => {
    for (const ttl of [LONGEST_TTL + 1_000, 7.5e12, 9.2e12, 1e13, Number.MAX_SAFE_INTEGER - 991]) {
      const failure: unknown = await publish(ttl).catch((error: unknown) => error);
      expect(failure).toMatchObject({ constructor: InvalidArgumentError, argument });
    }
  });

  it('the ttl of a key', async () => {
    const buckets = application.app.get(KeyValueService);
    const bucket = await buckets.create({ bucket: 'b', storage: 'memory', limitMarkerTtl: 1_000 });
    await expect(bucket.create('key', 'x', { ttl: LONGEST_TTL + 1_000 })).rejects.toThrow(
      InvalidArgumentError,
    );
    await bucket.create('key', 'x', { ttl: LONGEST_TTL });
    expect((await bucket.get('key'))?.value).toBe('x');
  });

  it('the longest valid ones are stored unchanged by the server', async () => {
    const created = await jetstream.createStream({ name: 'X', subjects: ['x'], maxAge: LONGEST });
    expect(created.cachedInfo.config.maxAge).toBe(LONGEST);
    const { sequence } = await jetstream.publish('s.a', 'x', { ttl: LONGEST_TTL });
    const { ackWait } = (await jetstream.createConsumer('S', { ackWait: LONGEST })).cachedInfo.config;
    expect(ackWait).toBe(LONGEST);
    // The server looks for expired messages at least once a second.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect((await (await jetstream.stream('S')).getMessage(sequence)).sequence).toBe(sequence);
    await jetstream.deleteStream('X');
  });

  it.each<[string, (date: Date) => Promise<unknown>]>([
    ['startTime', (startTime) => consumer({ deliverPolicy: 'by_start_time', startTime })],
    ['pauseUntil', (pauseUntil) => consumer({ pauseUntil })],
    ['until', (until) => jetstream.pauseConsumer('S', 'c', until)],
    ['schedule.at', (at) => jetstream.publish('s.a', 'x', { schedule: { at, target: 's.b' } })],
  ])('%s', async (argument, use) => {
    for (const date of [TOO_LATE, TOO_EARLY, new Date(8.64e15), new Date(-8.64e15), new Date(Number.NaN)]) {
      const failure: unknown = await use(date).catch((error: unknown) => error);
      expect(failure).toMatchObject({ constructor: InvalidArgumentError, argument });
    }
  });

  it('in the declarations of a module', () => {
    for (const declared of [
      { streams: [{ name: 'X', maxAge: 1e13 }] },
      { keyValues: [{ bucket: 'b', ttl: 1e13 }] },
      { objectStores: [{ bucket: 'b', ttl: 1e13 }] },
    ]) {
      expect(() => JetStreamModule.forFeature(declared)).toThrow(
        /at most 9223372036854 milliseconds, about 292 years/,
      );
    }
  });
});
