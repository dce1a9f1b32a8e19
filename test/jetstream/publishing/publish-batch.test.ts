import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AtomicBatchRefusedError,
  InvalidArgumentError,
  InvalidSubjectError,
  NoStreamResponseError,
  PublishTimeoutError,
  StreamFeatureDisabledError,
  WrongLastSequenceError,
} from '../../../lib/errors/index.js';
import type { BatchMessage, Stream } from '../../../lib/jetstream/index.js';
import { ConnectedPublisher, failure } from './connected-publisher.js';

let server: NatsTestServer;
let client: ConnectedPublisher;
let stream: Stream;
let prefix: string;

beforeAll(async () => {
  server = await NatsTestServer.start();
  client = await ConnectedPublisher.connect(server);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await server.stop();
});

async function newStream(): Promise<void> {
  stream = await client.createStream({ allowAtomicPublish: true, allowMessageTtl: true });
  prefix = stream.name.toLowerCase();
}

async function stored(): Promise<number> {
  return (await stream.info()).state.messages;
}

describe('publishBatch', () => {
  it('stores all messages with consecutive sequences', async () => {
    await newStream();
    await client.publisher.publish(`${prefix}.before`);
    const ack = await client.publisher.publishBatch([
      { subject: `${prefix}.a`, data: { n: 1 } },
      { subject: `${prefix}.b`, data: 'two', headers: { Tag: 'x' }, ttl: 60_000 },
      { subject: `${prefix}.c`, data: new Uint8Array([3]) },
    ]);
    expect(ack).toMatchObject({ stream: stream.name, sequence: 4, batchSize: 3 });
    expect(ack.batchId).toMatch(/^\w+$/);
    const second = await stream.getMessage(3);
    expect(second.text()).toBe('two');
    expect(second.headers?.get('Tag')).toBe('x');
    expect(second.headers?.get('Nats-TTL')).toBe('60s');
  });

  it.each([1, 2, 1_000])('accepts %d messages', async (count) => {
    await newStream();
    const messages = Array.from({ length: count }, (_, i) => ({ subject: `${prefix}.a`, data: i }));
    expect(await client.publisher.publishBatch(messages)).toMatchObject({
      sequence: count,
      batchSize: count,
    });
    expect(await stored()).toBe(count);
  });

  const refused: [string, (prefix: string) => BatchMessage[], unknown, number][] = [
    [
      'it is too large',
      (p) => Array.from({ length: 1_001 }, () => ({ subject: `${p}.a` })),
      AtomicBatchRefusedError,
      10199,
    ],
    [
      'an id is in it twice',
      (p) => [1, 2].map(() => ({ subject: `${p}.a`, messageId: 'same' })),
      AtomicBatchRefusedError,
      10201,
    ],
    [
      'an expectation of its last message is wrong',
      (p) => [{ subject: `${p}.a` }, { subject: `${p}.b`, expect: { lastSubjectSequence: 9 } }],
      WrongLastSequenceError,
      10071,
    ],
    [
      'the stream is not as its first message expects',
      (p) => [{ subject: `${p}.a`, expect: { lastSequence: 9 } }, { subject: `${p}.b` }],
      WrongLastSequenceError,
      10071,
    ],
  ];
  it.each(refused)('stores nothing if %s', async (_, messages, error, code) => {
    await newStream();
    expect(await failure(client.publisher.publishBatch(messages(prefix)))).toMatchObject({
      constructor: error,
      code,
    });
    expect(await stored()).toBe(0);
  });

  it('stores nothing if a message is lost in transit', async () => {
    await newStream();
    const { wire } = client.connection;
    // Simulates a message that the client loses with a connection: the second of three is never sent.
    const publish = wire.publish.bind(wire);
    wire.publish = (subject, ...rest) => {
      if (subject !== `${prefix}.lost`) publish(subject, ...rest);
    };
    try {
      const error = await failure(
        client.publisher.publishBatch(['a', 'lost', 'c'].map((token) => ({ subject: `${prefix}.${token}` }))),
      );
      expect(error).toMatchObject({ constructor: AtomicBatchRefusedError, code: 10176 });
    } finally {
      wire.publish = publish;
    }
    expect(await stored()).toBe(0);
  });

  it('fails if the stream does not allow it, before the rest is sent', async () => {
    const { name } = await client.createStream();
    const messages = ['a', 'b'].map((token) => ({ subject: `${name.toLowerCase()}.${token}` }));
    const error = await failure(client.publisher.publishBatch(messages));
    expect(error).toMatchObject({ constructor: StreamFeatureDisabledError, option: 'allowAtomicPublish' });
    expect((await client.publisher.publish(`${name.toLowerCase()}.a`)).sequence).toBe(1);
  });

  it('fails if no stream responds, after its retries', async () => {
    const error = await failure(
      client.publisher.publishBatch([{ subject: 'nowhere.a' }, { subject: 'nowhere.b' }], {
        retry: { wait: 20 },
      }),
    );
    expect(error).toMatchObject({ constructor: NoStreamResponseError, attempts: 3 });
  });

  it('checks all messages before the first is sent', async () => {
    await newStream();
    const first = { subject: `${prefix}.a` };
    const batches: [BatchMessage[], unknown][] = [
      [[], InvalidArgumentError],
      [[first, { subject: 'a.*' }], InvalidSubjectError],
      [[first, { ...first, expect: { lastSequence: 1 } }], InvalidArgumentError],
      [[{ ...first, expect: { lastMessageId: 'x' } }], InvalidArgumentError],
      [[first, { ...first, ttl: 0 }], InvalidArgumentError],
    ];
    for (const [messages, error] of batches) {
      expect(await failure(client.publisher.publishBatch(messages))).toBeInstanceOf(error);
    }
    expect(await failure(client.publisher.publishBatch([first], { timeout: -1 }))).toBeInstanceOf(
      InvalidArgumentError,
    );
    expect(await stored()).toBe(0);
  });

  it('fails at its timeout if the server does not respond', async () => {
    await using stalled = await NatsTestServer.start();
    await using other = await ConnectedPublisher.connect(stalled);
    await other.createStream({ subjects: ['stalled.>'], allowAtomicPublish: true });
    stalled.pause();
    const error = await failure(other.publisher.publishBatch([{ subject: 'stalled.a' }], { timeout: 100 }));
    stalled.resume();
    expect(error).toMatchObject({ constructor: PublishTimeoutError, subject: 'stalled.a', timeout: 100 });
  });
});
