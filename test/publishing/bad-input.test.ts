import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  InvalidArgumentError,
  InvalidSubjectError,
  PayloadEncodingError,
  PayloadTooLargeError,
} from '../../lib/errors/index.js';
import type { PublishDefaults, PublishOptions, Schedule } from '../../lib/jetstream/index.js';
import { ConnectedPublisher, failure, thrown } from './connected-publisher.js';

let server: NatsTestServer;
let client: ConnectedPublisher;

const sent: string[] = [];

beforeAll(async () => {
  server = await NatsTestServer.start({ config: { max_payload: 2_000 } });
  client = await ConnectedPublisher.connect(server);
  client.nc.subscribe('>', { callback: (_error, msg) => void sent.push(msg.subject) });
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await server.stop();
});

/** The error is the same from every way to publish one message. */
async function errorOf(subject: string, data: unknown, options: PublishOptions = {}): Promise<Error> {
  const { publisher } = client;
  const error = await failure(publisher.publish(subject, data, options));
  for (const other of [
    await failure(publisher.publishMessage({ subject, data }, options)),
    thrown(() => publisher.publishAsync(subject, data, options)),
    thrown(() => publisher.publishMessageAsync({ subject, data }, options)),
  ]) {
    expect(other).toEqual(error);
  }
  await client.nc.flush();
  expect(sent).toEqual([]);
  return error;
}

describe('a subject', () => {
  it.each([
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    '*',
    '>',
    'a.*',
    'a.>',
    '*.a',
    'a.*.b',
    'a b',
    'a\tb',
    'a\r\nb',
    ' a',
    'a\u0000',
    'a'.repeat(4_001),
    'ü'.repeat(2_001),
  ])('%j cannot be published to', async (subject) => {
    const error = await errorOf(subject, 'x');
    expect(error).toBeInstanceOf(InvalidSubjectError);
    expect(error).toMatchObject({ subject });
  });
});

describe('a payload', () => {
  it('above what the server takes is refused, headers included', async () => {
    expect(await errorOf('large', new Uint8Array(2_001))).toMatchObject({
      constructor: PayloadTooLargeError,
      subject: 'large',
      size: 2_001,
      maximum: 2_000,
    });
    expect(await errorOf('large', 'ä'.repeat(1_001))).toMatchObject({ size: 2_002 });
    expect(await errorOf('large', { text: 'x'.repeat(2_000) })).toBeInstanceOf(PayloadTooLargeError);
    expect(await errorOf('large', new Uint8Array(1_983), { headers: { A: 'b' } })).toMatchObject({
      constructor: PayloadTooLargeError,
      size: 1_983 + 'NATS/1.0\r\nA: b\r\n\r\n'.length,
    });
  });

  it('that the codec cannot encode is refused with an error of this library', async () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    for (const value of [{ n: 1n }, cycle, () => 1, Symbol('s')]) {
      expect(await errorOf('big', value)).toBeInstanceOf(PayloadEncodingError);
    }
  });

  it.each([
    ['an umlaut in a name', { ü: '1' }],
    ['a colon in a name', { 'a:b': '1' }],
    ['an empty name', { '': '1' }],
    ['a line end in a value', { a: '1\r\nb: 2' }],
    ['a number as a value', { a: [1 as unknown as string] }],
  ])('with %s in its headers is refused with an error of this library', async (_, headers) => {
    expect(await errorOf('headers', 'x', { headers })).toBeInstanceOf(InvalidArgumentError);
  });
});

describe('an option', () => {
  const target = 'target';
  const cases: [string, PublishOptions][] = [
    ['messageId', { messageId: '' }],
    ['messageId', { messageId: ' ' }],
    ['expect.stream', { expect: { stream: '' } }],
    ['expect.lastSequence', { expect: { lastSequence: -1 } }],
    ['expect.lastSequence', { expect: { lastSequence: 1.5 } }],
    ['expect.lastSequence', { expect: { lastSequence: Number.NaN } }],
    ['expect.lastSubjectSequence', { expect: { lastSubjectSequence: 2 ** 53 } }],
    ['expect.lastSubjectSequenceSubject', { expect: { lastSubjectSequenceSubject: 'a' } }],
    ['expect.lastMessageId', { expect: { lastMessageId: '' } }],
    ['ttl', { ttl: 0 }],
    ['ttl', { ttl: -1_000 }],
    ['ttl', { ttl: 1_500 }],
    ['ttl', { ttl: Infinity }],
    ['schedule.at', { schedule: { at: new Date('never'), target } }],
    ['schedule.every', { schedule: { every: 999, target } }],
    ['schedule.every', { schedule: { every: 1_000.5, target } }],
    ['schedule.cron', { schedule: { cron: '', target } }],
    ['schedule.timeZone', { schedule: { cron: '@hourly', timeZone: '', target } }],
    ['schedule.ttl', { schedule: { every: 1_000, ttl: 1, target } }],
    ['timeout', { timeout: 0 }],
    ['timeout', { timeout: -1 }],
    ['timeout', { timeout: Number.NaN }],
    ['retry.wait', { retry: { wait: 0 } }],
    ['retry.attempts', { retry: { attempts: -1 } }],
    ['retry.attempts', { retry: { attempts: 0.5 } }],
  ];
  it.each(cases)('%s cannot be %j', async (argument, options) => {
    expect(await errorOf('a', 'x', options)).toMatchObject({ constructor: InvalidArgumentError, argument });
  });

  it('of a schedule goes with one kind of schedule only', async () => {
    const schedules = [
      { target },
      { target, at: new Date(), every: 1_000 },
      { target, every: 1_000, timeZone: 'UTC' },
    ] as Schedule[];
    for (const schedule of schedules) {
      expect(await errorOf('a', 'x', { schedule })).toBeInstanceOf(InvalidArgumentError);
    }
  });

  it('that is a subject cannot have wildcards or be empty', async () => {
    for (const schedule of [
      { every: 1_000, target: '' },
      { every: 1_000, target: 'a.*' },
      { every: 1_000, target, source: 'a.>' },
    ]) {
      expect(await errorOf('a', 'x', { schedule })).toBeInstanceOf(InvalidSubjectError);
    }
    expect(
      await errorOf('a', 'x', { expect: { lastSubjectSequence: 1, lastSubjectSequenceSubject: 'a b' } }),
    ).toBeInstanceOf(InvalidSubjectError);
  });

  it('that breaks the header format is refused', async () => {
    expect((await errorOf('a', 'x', { headers: { 'bad name': 'x' } })).message).toContain('header');
    expect((await errorOf('a', 'x', { headers: { A: 'x\r\nInjected: y' } })).message).toContain('header');
  });
});

describe('a default', () => {
  const cases: [string, PublishDefaults][] = [
    ['publish.timeout', { timeout: 0 }],
    ['publish.stallWait', { stallWait: -5 }],
    ['publish.maxPending', { maxPending: 0 }],
    ['publish.maxPending', { maxPending: 1.5 }],
    ['publish.maxPending', { maxPending: 100_001 }],
    ['publish.retry.attempts', { retry: { attempts: -1 } }],
  ];
  it.each(cases)('%s cannot be %j', async (argument, defaults) => {
    const error = await failure(ConnectedPublisher.connect(server, defaults));
    expect(error).toMatchObject({ constructor: InvalidArgumentError, argument });
  });
});
