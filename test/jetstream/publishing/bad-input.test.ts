import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  InvalidArgumentError,
  InvalidSubjectError,
  PayloadEncodingError,
  PayloadTooLargeError,
} from '../../../lib/errors/index.js';
import type { PublishDefaults, PublishOptions, Schedule } from '../../../lib/jetstream/index.js';
import type { Codec } from '../../../lib/codecs/index.js';
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

/** Checks that every method that publishes one message fails with the same error. */
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
  it('above the limit of the server is rejected, including headers', async () => {
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

  it.each([
    ['a bigint', { n: 1n }],
    ['a cycle', cycle()],
    ['a function', () => 1],
    ['a class', Date],
    ['a symbol', Symbol('x')],
    ['an object whose toJSON throws', { toJSON: () => fail() }],
  ])('that cannot be encoded is rejected: %s', async (_, data) => {
    expect(await errorOf('big', data)).toBeInstanceOf(PayloadEncodingError);
  });

  it.each([
    ['nothing', () => undefined],
    ['text', () => 'text'],
    ['a promise', () => Promise.resolve(new Uint8Array(1))],
    ['an exception that is not an error', () => fail('no error')],
  ])('whose codec returns %s is rejected', async (_, encode) => {
    const codec = { contentType: 'x/y', encode, decode: () => 1 } as unknown as Codec;
    expect(await errorOf('codec', { a: 1 }, { codec })).toBeInstanceOf(PayloadEncodingError);
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

  it('of a schedule is valid for one kind of schedule only', async () => {
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

  it('that violates the header format is rejected', async () => {
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

describe('arguments of untyped callers', () => {
  it.each([undefined, null, 1, Symbol('x'), {}, ['a'], () => 'a'])('subject %s', async (subject) => {
    expect(await errorOf(subject as string, 'x')).toBeInstanceOf(InvalidSubjectError);
  });

  it.each([null, 1, 'options', Symbol('x')])('options %s', async (options) => {
    expect(await errorOf('a', 'x', options as never)).toBeInstanceOf(InvalidArgumentError);
  });

  it.each([
    ['a name with a space', { 'a b': 'x' }],
    ['a name with a colon', { 'a:b': 'x' }],
    ['a name with an umlaut', { ü: 'x' }],
    ['an empty name', { '': 'x' }],
    ['a value with a line end', { a: 'x\r\ny' }],
    ['a number', { a: 1 }],
    ['null', { a: null }],
    ['a list of numbers', { a: [1] }],
    ['text', 'a: b'],
  ])('headers with %s', async (_, headers) => {
    expect(await errorOf('a', 'x', { headers: headers as never })).toBeInstanceOf(InvalidArgumentError);
  });

  it.each([
    ['without a target', { at: new Date() }],
    ['with a target that is not a subject', { at: new Date(), target: 'a.*' }],
    ['with a number as its target', { at: new Date(), target: 1 }],
    ['without a time', { target: 'a' }],
    ['that is text', 'soon'],
  ])('a schedule %s', async (_, schedule) => {
    const error = await errorOf('a', 'x', { schedule: schedule as never });
    expect([InvalidArgumentError.name, InvalidSubjectError.name]).toContain(error.name);
  });

  it.each([undefined, null, 1, 'a'])('a message %s', async (message) => {
    const { publisher } = client;
    expect(await failure(publisher.publishMessage(message as never))).toBeInstanceOf(InvalidArgumentError);
    expect(thrown(() => publisher.publishMessageAsync(message as never))).toBeInstanceOf(
      InvalidArgumentError,
    );
    expect(await failure(publisher.publishBatch([message as never]))).toBeInstanceOf(InvalidArgumentError);
  });

  it.each([undefined, null, 1, 'a', new Set([{ subject: 'a' }]), (function* () {})()])(
    'a batch %s',
    async (messages) => {
      const error = await failure(client.publisher.publishBatch(messages as never));
      expect(error).toBeInstanceOf(InvalidArgumentError);
    },
  );
});

function cycle(): object {
  const object: { self?: object } = {};
  object.self = object;
  return object;
}

function fail(thrownValue: unknown = new Error('no')): never {
  throw thrownValue;
}
