import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnsupportedServerFeatureError, WrongLastSequenceError } from '../../../lib/errors/index.js';
import type { Publisher } from '../../../lib/jetstream/index.js';
import { ConnectedPublisher, failure, thrown } from './connected-publisher.js';

const NEWER: [string, string, (publisher: Publisher) => Promise<unknown>][] = [
  ['ttl', '2.11.0', (publisher) => publisher.publish('old.a', '', { ttl: 1_000 })],
  [
    'expect.lastSubjectSequenceSubject',
    '2.11.0',
    (publisher) =>
      publisher.publish('old.a', '', {
        expect: { lastSubjectSequence: 0, lastSubjectSequenceSubject: 'old.b' },
      }),
  ],
  [
    'schedule',
    '2.12.0',
    (publisher) => publisher.publish('old.a', '', { schedule: { at: new Date(), target: 'old.b' } }),
  ],
  ['publishBatch', '2.12.0', (publisher) => publisher.publishBatch([{ subject: 'old.a' }])],
  ['increment', '2.12.0', (publisher) => publisher.increment('old.a')],
  ['counter', '2.12.0', (publisher) => publisher.counter('old.a')],
  ['ingest', '2.14.0', (publisher) => publisher.ingest([{ subject: 'old.a' }])],
];

describe.each(['2.9', '2.10'])('nats-server %s', (version) => {
  let server: NatsTestServer;
  let client: ConnectedPublisher;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
    client = await ConnectedPublisher.connect(server);
    await client.createStream({ name: 'OLD', subjects: ['old.>'] });
  });
  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await server.stop();
  });

  it.each(NEWER)('rejects %s before anything is sent', async (_, required, publish) => {
    const before = client.nc.stats().outMsgs;
    const error = await failure(publish(client.publisher));
    expect(error).toBeInstanceOf(UnsupportedServerFeatureError);
    expect(error).toMatchObject({ required, actual: server.version });
    expect(client.nc.stats().outMsgs).toBe(before);
  });

  it('rejects newer options of publishAsync by throwing', () => {
    expect(thrown(() => client.publisher.publishAsync('old.a', '', { ttl: 'never' }))).toBeInstanceOf(
      UnsupportedServerFeatureError,
    );
  });

  it('stores messages, recognizes ids and checks expectations', async () => {
    const { publisher } = client;
    const acks = [];
    for (let i = 0; i < 3; i++) acks.push(await publisher.publish('old.a', { i }));
    const sequence = acks[2].sequence;
    expect(acks.map((ack) => ack.sequence)).toEqual([sequence - 2, sequence - 1, sequence]);

    const first = await publisher.publish('old.a', 'x', { messageId: 'once', expect: { stream: 'OLD' } });
    expect(first).toEqual({ stream: 'OLD', sequence: sequence + 1, duplicate: false });
    expect(await publisher.publish('old.a', 'x', { messageId: 'once' })).toEqual({
      ...first,
      duplicate: true,
    });
    const error = await failure(publisher.publish('old.a', 'x', { expect: { lastSubjectSequence: 1 } }));
    expect(error).toMatchObject({ constructor: WrongLastSequenceError, lastSequence: sequence + 1 });
  });

  it('accepts a window of asynchronous messages', async () => {
    const { ack } = client.publisher.publishAsync('old.many', '0');
    const { sequence } = await ack;
    for (let i = 1; i < 10_000; i++) {
      await client.publisher.publishAsyncReady();
      client.publisher.publishAsync('old.many', String(i), { idempotent: i % 2 === 0 });
    }
    await client.publisher.publishAsyncComplete();
    expect((await client.publisher.publish('old.many', 'end')).sequence).toBe(sequence + 10_000);
  });
});
