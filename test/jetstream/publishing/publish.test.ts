import { setTimeout as delay } from 'node:timers/promises';
import { headers } from '@nats-io/transport-node';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { textCodec } from '../../../lib/codecs/index.js';
import {
  MaxMessageSizeExceededError,
  NoStreamResponseError,
  PublishRefusedError,
  PublishTimeoutError,
  StreamFeatureDisabledError,
  StreamFullError,
  WrongLastMessageIdError,
  WrongLastSequenceError,
  WrongStreamError,
} from '../../../lib/errors/index.js';
import { DiscardPolicy } from '../../../lib/jetstream/index.js';
import { publishError } from '../../../lib/jetstream/publishing/publish-error.js';
import { ConnectedPublisher, failure } from './connected-publisher.js';

let server: NatsTestServer;
let client: ConnectedPublisher;

beforeAll(async () => {
  server = await NatsTestServer.start();
  client = await ConnectedPublisher.connect(server);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await server.stop();
});

describe('publish', () => {
  it('resolves with the stream and the sequence of the message', async () => {
    const { name } = await client.createStream();
    const { publisher } = client;
    const subject = `${name.toLowerCase()}.a`;
    expect(await publisher.publish(subject, { n: 1 })).toEqual({
      stream: name,
      sequence: 1,
      duplicate: false,
    });
    expect(await publisher.publish(subject, { n: 2 })).toEqual({
      stream: name,
      sequence: 2,
      duplicate: false,
    });
    expect(await publisher.publishMessage({ subject, data: { n: 3 } })).toMatchObject({ sequence: 3 });
  });

  it('names the domain of the stream', async () => {
    await using hub = await NatsTestServer.start({ config: { jetstream: { domain: 'hub' } } });
    await using other = await ConnectedPublisher.connect(hub);
    const { name } = await other.createStream();
    for (const sequence of [1, 2]) {
      const ack = await other.publisher.publish(`${name.toLowerCase()}.a`);
      expect(ack).toEqual({ stream: name, sequence, duplicate: false, domain: 'hub' });
    }
  });

  it('parses acknowledgements of alternating streams, with sequences of any length', async () => {
    const streams = await Promise.all([
      client.createStream(),
      client.createStream({ firstSequence: 99_998 }),
      client.createStream({ firstSequence: 9_007_199_254_740_000 }),
    ]);
    for (const [round, first] of [1, 99_998, 9_007_199_254_740_000].entries()) {
      const { name } = streams[round];
      for (let i = 0; i < 3; i++) {
        const ack = await client.publisher.publish(`${name.toLowerCase()}.x`);
        expect(ack).toEqual({ stream: name, sequence: first + i, duplicate: false });
      }
    }
    const acks = await Promise.all(
      Array.from({ length: 9 }, (_, i) => client.publisher.publish(`${streams[i % 3].name.toLowerCase()}.y`)),
    );
    expect(acks.map((ack) => ack.stream)).toEqual(Array.from({ length: 9 }, (_, i) => streams[i % 3].name));
  });

  it('sends bytes unchanged, strings as UTF-8, undefined as empty, and encodes other values', async () => {
    const stream = await client.createStream();
    const subject = `${stream.name.toLowerCase()}.a`;
    const payloads = [new Uint8Array([0, 255, 1]), 'Grüße 🌍', undefined, { a: [1, null] }, 42, null];
    for (const data of payloads) await client.publisher.publish(subject, data);

    const stored = await Promise.all(payloads.map((_, i) => stream.getMessage(i + 1)));
    expect([...stored[0].data]).toEqual([0, 255, 1]);
    expect(stored.slice(1).map((message) => message.text())).toEqual([
      'Grüße 🌍',
      '',
      '{"a":[1,null]}',
      '42',
      'null',
    ]);
  });

  it('uses a given codec, named in the Content-Type header', async () => {
    const stream = await client.createStream();
    const subject = `${stream.name.toLowerCase()}.a`;
    const csv = {
      contentType: 'text/csv',
      encode: (row: unknown) => textCodec.encode(String(row)),
      decode: () => 0,
    };
    await client.publisher.publish(subject, [1, 2], { codec: csv });
    const stored = await stream.getMessage(1);
    expect(stored.text()).toBe('1,2');
    expect(stored.headers?.get('Content-Type')).toBe('text/csv');
  });

  it('sends headers of the message and of the options without changing them', async () => {
    const stream = await client.createStream();
    const subject = `${stream.name.toLowerCase()}.a`;
    const own = headers();
    own.append('Tag', 'one');
    own.append('Tag', 'two');
    const added = { Tenant: 'acme', List: ['x', 'y'], Tag: 'three' };
    await client.publisher.publishMessage({ subject, headers: own }, { messageId: 'id-1' });
    await client.publisher.publishMessage({ subject, headers: own }, { headers: added });

    const [first, second] = await Promise.all([stream.getMessage(1), stream.getMessage(2)]);
    expect(first.headers?.values('Tag')).toEqual(['one', 'two']);
    expect(first.headers?.get('Nats-Msg-Id')).toBe('id-1');
    expect(second.headers?.values('Tag')).toEqual(['three']);
    expect(second.headers?.values('List')).toEqual(['x', 'y']);
    expect(second.headers?.get('Tenant')).toBe('acme');
    expect([...own]).toEqual([['Tag', ['one', 'two']]]);
  });

  it('adds no header of its own', async () => {
    const stream = await client.createStream();
    await client.publisher.publish(`${stream.name.toLowerCase()}.a`, 'x');
    expect((await stream.getMessage(1)).headers).toBeUndefined();
  });
});

describe('messageId', () => {
  it('makes the stream store a message once', async () => {
    const { name } = await client.createStream();
    const subject = `${name.toLowerCase()}.a`;
    await client.publisher.publish(subject, 'first', { messageId: 'order-7' });
    const again = await client.publisher.publish(subject, 'again', { messageId: 'order-7' });
    expect(again).toEqual({ stream: name, sequence: 1, duplicate: true });
  });

  it('is generated for idempotent messages without one', async () => {
    const stream = await client.createStream();
    const subject = `${stream.name.toLowerCase()}.a`;
    await client.publisher.publish(subject, 'x', { idempotent: true });
    await client.publisher.publish(subject, 'x', { idempotent: true });
    await client.publisher.publish(subject, 'x', { idempotent: true, messageId: 'mine' });
    const ids = await Promise.all(
      [1, 2, 3].map(async (sequence) => (await stream.getMessage(sequence)).headers?.get('Nats-Msg-Id')),
    );
    expect(ids[0]).toMatch(/^\w{22}\.1$/);
    expect(ids[1]).toMatch(/^\w{22}\.2$/);
    expect(ids[2]).toBe('mine');
  });
});

describe('expect', () => {
  it.each([
    ['stream', WrongStreamError, (stream: string) => ({ stream }), { stream: 'OTHER' }],
    ['lastSequence', WrongLastSequenceError, () => ({ lastSequence: 2 }), { lastSequence: 0 }],
    [
      'lastSubjectSequence',
      WrongLastSequenceError,
      () => ({ lastSubjectSequence: 1 }),
      { lastSubjectSequence: 2 },
    ],
    ['lastMessageId', WrongLastMessageIdError, () => ({ lastMessageId: 'b' }), { lastMessageId: 'a' }],
  ])('%s must match the stream', async (_, error, right, wrong) => {
    const { name } = await client.createStream();
    const prefix = name.toLowerCase();
    await client.publisher.publish(`${prefix}.a`, 'x', { messageId: 'a' });
    await client.publisher.publish(`${prefix}.b`, 'x', { messageId: 'b' });

    const refusal = await failure(client.publisher.publish(`${prefix}.a`, 'x', { expect: wrong }));
    expect(refusal).toBeInstanceOf(error);
    expect(refusal).toBeInstanceOf(PublishRefusedError);
    expect(refusal.message).toContain(`${prefix}.a`);
    expect(await client.publisher.publish(`${prefix}.a`, 'x', { expect: right(name) })).toMatchObject({
      sequence: 3,
    });
  });

  it('reports the actual last sequence', async () => {
    const { name } = await client.createStream();
    await client.publisher.publish(`${name.toLowerCase()}.a`);
    const error = await failure(
      client.publisher.publish(`${name.toLowerCase()}.a`, '', { expect: { lastSequence: 5 } }),
    );
    expect(error).toMatchObject({ code: 10071, status: 400, lastSequence: 1 });
  });

  it('lastSubjectSequenceSubject refers to another subject', async () => {
    const { name } = await client.createStream();
    const prefix = name.toLowerCase();
    await client.publisher.publish(`${prefix}.a.1`);
    await client.publisher.publish(`${prefix}.a.2`);
    const expecting = (lastSubjectSequence: number) => ({
      expect: { lastSubjectSequence, lastSubjectSequenceSubject: `${prefix}.a.*` },
    });
    expect(await failure(client.publisher.publish(`${prefix}.b`, '', expecting(1)))).toBeInstanceOf(
      WrongLastSequenceError,
    );
    expect(await client.publisher.publish(`${prefix}.b`, '', expecting(2))).toMatchObject({ sequence: 3 });
  });
});

describe('ttl', () => {
  it('removes the message after that time, or never', async () => {
    const stream = await client.createStream({ allowMessageTtl: true });
    const subject = `${stream.name.toLowerCase()}.a`;
    await client.publisher.publish(subject, 'short', { ttl: 1_000 });
    await client.publisher.publish(subject, 'forever', { ttl: 'never' });
    expect((await stream.getMessage(1)).headers?.get('Nats-TTL')).toBe('1s');
    expect((await stream.getMessage(2)).headers?.get('Nats-TTL')).toBe('never');
    await expect.poll(async () => (await stream.info()).state.messages, { timeout: 5_000 }).toBe(1);
    expect((await stream.getLastMessage(subject)).text()).toBe('forever');
  });

  it('is rejected by a stream that does not allow it', async () => {
    const { name } = await client.createStream();
    const error = await failure(client.publisher.publish(`${name.toLowerCase()}.a`, 'x', { ttl: 5_000 }));
    expect(error).toBeInstanceOf(StreamFeatureDisabledError);
    expect(error).toMatchObject({ option: 'allowMessageTtl', code: 10166 });
  });
});

describe('schedule', () => {
  it('publishes once at a given time, and repeatedly', async () => {
    const stream = await client.createStream({ allowMessageSchedules: true, allowMessageTtl: true });
    const prefix = stream.name.toLowerCase();
    const { publisher } = client;
    await publisher.publish(`${prefix}.once`, 'later', {
      schedule: { at: new Date(Date.now() + 500), target: `${prefix}.out.once`, ttl: 60_000 },
    });
    await publisher.publish(`${prefix}.every`, 'tick', {
      schedule: { every: 1_000, target: `${prefix}.out.every` },
    });
    await publisher.publish(`${prefix}.reading`, '21 degrees');
    await publisher.publish(`${prefix}.sample`, '', {
      schedule: { every: 1_000, source: `${prefix}.reading`, target: `${prefix}.out.sample` },
    });
    await publisher.publish(`${prefix}.cron`, 'cron', {
      schedule: { cron: '* * * * * *', timeZone: 'Europe/Amsterdam', target: `${prefix}.out.cron` },
    });

    const texts = async () =>
      Object.fromEntries(
        await Promise.all(
          ['once', 'every', 'sample', 'cron'].map(async (name) => [
            name,
            await stream.getLastMessage(`${prefix}.out.${name}`).then(
              (message) => message.text(),
              () => undefined,
            ),
          ]),
        ),
      ) as object;
    await expect
      .poll(texts, { timeout: 10_000, interval: 100 })
      .toEqual({ once: 'later', every: 'tick', sample: '21 degrees', cron: 'cron' });
    const once = await stream.getLastMessage(`${prefix}.out.once`);
    expect(once.headers?.get('Nats-TTL')).toBe('60s');
    expect(once.headers?.get('Nats-Scheduler')).toBe(`${prefix}.once`);
  });

  it('is rejected if the stream does not allow it or the server cannot parse it', async () => {
    const { name } = await client.createStream();
    const allowing = await client.createStream({ allowMessageSchedules: true });
    const publish = (stream: string, cron: string) =>
      client.publisher.publish(`${stream.toLowerCase()}.a`, 'x', {
        schedule: { cron, target: `${stream.toLowerCase()}.b` },
      });
    expect(await failure(publish(name, '@hourly'))).toMatchObject({ option: 'allowMessageSchedules' });
    expect(await failure(publish(allowing.name, 'whenever'))).toMatchObject({ code: 10189 });
  });
});

describe('a stream rejects a message', () => {
  it('because it is full', async () => {
    const { name } = await client.createStream({ maxMessages: 1, discard: DiscardPolicy.New });
    await client.publisher.publish(`${name.toLowerCase()}.a`);
    const error = await failure(client.publisher.publish(`${name.toLowerCase()}.a`));
    expect(error).toBeInstanceOf(StreamFullError);
    expect(error.message).toContain('maximum messages exceeded');
  });

  it('because the message is too large for it', async () => {
    const { name } = await client.createStream({ maxMessageSize: 10 });
    expect(await failure(client.publisher.publish(`${name.toLowerCase()}.a`, 'x'.repeat(11)))).toBeInstanceOf(
      MaxMessageSizeExceededError,
    );
  });

  it.each([
    [10054, 'message size exceeds maximum allowed', 'Raise maxMessageSize of the stream'],
    [10060, 'expected stream does not match', 'or correct expect.stream'],
    [10070, 'wrong last msg ID: ', 'wrong last msg ID (code 10070). Read the last message of the stream'],
    [10071, 'wrong last sequence: 1', 'read the current state'],
    [10077, 'maximum messages exceeded', 'Consume or purge messages'],
    [10077, 'write error', 'Check the stream and its servers'],
    [10109, 'invalid operation on sealed stream', 'Correct the message or the configuration of the stream'],
    [10166, 'per-message TTL is disabled', 'Set allowMessageTtl: true'],
    [10176, 'batch publish is incomplete', 'publish the whole batch again'],
    [10199, 'batch publish too large', 'split the batch'],
    [10201, 'batch publish contains duplicate message id', 'omit the messages that are already stored'],
  ])('and the error for %i (%s) says what to do', (code, description, advice) => {
    const status = description === 'write error' ? 503 : 400;
    const { message } = publishError({ code: status, err_code: code, description }, 'orders.placed');
    expect(message).toContain('Publish to "orders.placed" refused: ');
    expect(message).toContain(advice);
    expect(message).toMatch(/\(code \d+\)\. [A-Z].+\.$/);
  });

  it('because it is sealed', async () => {
    const stream = await client.createStream();
    await client.jetstream.updateStream({ ...stream.cachedInfo.config, sealed: true });
    const error = await failure(client.publisher.publish(`${stream.name.toLowerCase()}.a`));
    expect(error).toMatchObject({ constructor: PublishRefusedError, code: 10109 });
  });
});

describe('retries', () => {
  it('succeed once a stream exists, with a generated id', async () => {
    const publishing = client.publisher.publish('late.a', 'x', { retry: { wait: 100, attempts: 5 } });
    await delay(50);
    const stream = await client.createStream({ subjects: ['late.>'] });
    expect(await publishing).toMatchObject({ stream: stream.name, sequence: 1 });
    expect((await stream.getMessage(1)).headers?.get('Nats-Msg-Id')).toMatch(/^\w{22}\.\d+$/);
  });

  it('keep the id and the headers that the caller gave', async () => {
    const publishing = client.publisher.publish('later.a', 'x', {
      retry: { wait: 100, attempts: 5 },
      messageId: 'mine',
      headers: { A: 'b' },
    });
    await delay(50);
    const stream = await client.createStream({ subjects: ['later.>'] });
    await publishing;
    const { headers: stored } = await stream.getMessage(1);
    expect(stored?.values('Nats-Msg-Id')).toEqual(['mine']);
    expect(stored?.get('A')).toBe('b');
  });

  it('are two by default, a quarter of a second apart', async () => {
    const started = performance.now();
    const error = await failure(client.publisher.publish('nowhere.a', 'x'));
    expect(error).toBeInstanceOf(NoStreamResponseError);
    expect(error).toMatchObject({ subject: 'nowhere.a', attempts: 3 });
    expect(performance.now() - started).toBeGreaterThanOrEqual(490);
  });

  it('can be disabled, and end with the timeout', async () => {
    const none = await failure(client.publisher.publish('nowhere.a', 'x', { retry: { attempts: 0 } }));
    expect(none).toMatchObject({ constructor: NoStreamResponseError, attempts: 1 });
    const soon = await failure(
      client.publisher.publish('nowhere.a', 'x', { timeout: 1_000, retry: { attempts: 100, wait: 400 } }),
    );
    expect(soon).toMatchObject({ constructor: NoStreamResponseError, attempts: 3 });
  });
});

describe('a server that does not respond', () => {
  it('makes the publish fail at its timeout, and the error says whether it can be retried', async () => {
    await using stalled = await NatsTestServer.start();
    await using other = await ConnectedPublisher.connect(stalled, { timeout: 150 });
    const { name } = await other.createStream();
    stalled.pause();
    try {
      const [plain, identified] = await Promise.all([
        failure(other.publisher.publish(`${name.toLowerCase()}.a`)),
        failure(other.publisher.publish(`${name.toLowerCase()}.a`, '', { messageId: 'm', timeout: 80 })),
      ]);
      expect(plain).toMatchObject({
        constructor: PublishTimeoutError,
        timeout: 150,
        messageId: undefined,
        sent: true,
      });
      expect(identified).toMatchObject({
        constructor: PublishTimeoutError,
        timeout: 80,
        messageId: 'm',
        sent: true,
      });

      const reason = new Error('enough');
      const aborted = failure(
        other.publisher.publish(`${name.toLowerCase()}.a`, '', { signal: AbortSignal.abort(reason) }),
      );
      expect(await aborted).toBe(reason);
    } finally {
      stalled.resume();
    }
  });
});
