import { Buffer } from 'node:buffer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MsgHdrs } from '@nats-io/transport-node';
import { MessageNotFoundError } from '../../../lib/errors/index.js';
import type { JetStreamMessage, StoredMessage, Stream } from '../../../lib/jetstream/index.js';
import { NatsTestServer } from '../../../lib/testing/index.js';
import { RawPublisher } from '../../connection/raw-publisher.js';
import { collect, ConnectedJetStream, startServer } from './connected-jetstream.js';
import { HOSTILE_BLOCKS } from './hostile-headers.js';

const BLOCKS = Object.entries(HOSTILE_BLOCKS);
/** Blocks that a direct get does not return. */
const isHidden = ({ rawHeaders }: JetStreamMessage): boolean => (rawHeaders?.length ?? 0) <= 2;

const asObject = (headers: MsgHdrs | undefined): object => Object.fromEntries(headers ?? []);

/** A message as a consumer delivers it, which is the reference. */
const delivered = (message: JetStreamMessage): object => ({
  subject: message.subject,
  sequence: message.metadata.streamSequence,
  time: message.metadata.timestamp,
  text: message.text(),
  headers: asObject(message.headers),
  ...(!isHidden(message) && { headersValid: message.headersValid }),
});

const read = ({ subject, sequence, time, headers, headersValid, ...message }: StoredMessage): object => ({
  subject,
  sequence,
  time,
  text: Buffer.from(message.data).toString(),
  headers: asObject(headers),
  headersValid,
});

/** Any client can store messages with malformed headers. They, and messages next to them, must be readable. */
describe.each([
  { version: '2.15', allowDirect: true },
  { version: '2.10', allowDirect: true },
  { version: '2.9', allowDirect: true },
  { version: '2.15', allowDirect: false },
])('stored messages on nats-server $version, with direct gets: $allowDirect', ({ version, allowDirect }) => {
  let server: NatsTestServer;
  let connected: ConnectedJetStream;
  let stream: Stream;
  let messages: JetStreamMessage[];

  beforeAll(async () => {
    server = await startServer(version);
    connected = await ConnectedJetStream.connect(server.url);
    const { jetstream } = connected;
    stream = await jetstream.createStream({ name: 'S', subjects: ['s.>'], allowDirect });
    await using raw = await RawPublisher.connect(server.url);
    for (const [i, [, block]] of BLOCKS.entries()) {
      await raw.publish(`s.empty.${i}`, Buffer.from(block, 'latin1'));
      await raw.publish(`s.full.${i}`, Buffer.from(block, 'latin1'), 'payload');
    }
    await jetstream.publish('s.good', 'good', { headers: { Good: 'yes' } });
    const consumer = await stream.createConsumer({ ackPolicy: 'none' });
    messages = await collect(consumer.fetch(2 * BLOCKS.length + 1, { maxWait: 5_000 }));
  });
  afterAll(async () => {
    await connected[Symbol.asyncDispose]();
    await server.stop();
  });

  it.each(BLOCKS.map(([name], i) => [name, i] as const))('with headers %s are read', async (_, i) => {
    for (const message of messages.slice(2 * i, 2 * i + 2)) {
      const { subject, metadata } = message;
      const truth = delivered(message);
      expect(read(await stream.getMessage(metadata.streamSequence))).toMatchObject(truth);
      expect(read(await stream.getMessage(1, { subject }))).toMatchObject(truth);
      expect(read(await stream.getLastMessage(subject))).toMatchObject(truth);
    }
  });

  it('do not prevent others from being read', async () => {
    const last = await stream.getLastMessage('s.good');
    expect(read(last)).toEqual(delivered(messages[2 * BLOCKS.length]));
    expect(last.headers?.get('Good')).toBe('yes');
    await expect(stream.getMessage(last.sequence + 1)).rejects.toThrow(MessageNotFoundError);
    await expect(stream.getLastMessage('s.none')).rejects.toThrow(MessageNotFoundError);
  });

  it.runIf(allowDirect && version === '2.15')('are read in batches', async () => {
    const truth = messages.map(delivered);
    const all = await collect(stream.getMessages({ startSequence: 1 }));
    expect(all.map(read)).toMatchObject(truth);
    expect(all).toHaveLength(truth.length);
    expect(
      (await collect(stream.getMessages({ startSequence: 1, subject: 's.full.*' }))).map(read),
    ).toMatchObject(messages.filter(({ subject }) => subject.startsWith('s.full')).map(delivered));
    expect((await collect(stream.getLastMessages(['s.>']))).map(read)).toMatchObject(truth);
  });
});

it('lose a line that a direct get truncates, without permission to read from the leader', async () => {
  const login = { user: 'reader', pass: 'secret' };
  const denied = { permissions: { publish: { deny: ['$JS.API.STREAM.MSG.GET.>'] } } };
  const users = [
    { user: 'writer', password: 'secret' },
    { user: 'reader', password: 'secret', ...denied },
  ];
  const server = await NatsTestServer.start({ users });
  try {
    await using reader = await ConnectedJetStream.connect(server.url, {}, login);
    const stream = await reader.jetstream.createStream({ name: 'S', subjects: ['s.>'], allowDirect: true });
    await using raw = await RawPublisher.connect(server.url, { ...login, user: 'writer' });
    await raw.publish('s.bad', 'NATS/1.0\r\nA: b\r\nTenant: acme-12', '1');
    const [message] = await collect(stream.getMessages({ startSequence: 1 }));
    expect(message).toMatchObject({ headersValid: true, subject: 's.bad', sequence: 1 });
    expect(asObject(message.headers)).toEqual({ A: ['b'] });
    expect(asObject((await stream.getMessage(1)).headers)).toEqual({ A: ['b'] });
  } finally {
    await server.stop();
  }
});
