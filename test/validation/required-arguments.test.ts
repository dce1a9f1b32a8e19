import {
  DeadLetters,
  InvalidArgumentError,
  JetStreamError,
  JetStreamService,
  KeyValueService,
  ObjectStoreService,
  type KeyValue,
  type ObjectStore,
  type Stream,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { all } from '../consuming/dead-letters/all.js';

/** The argument of a caller without a value, as in `entry?.revision`, and other invalid values. */
const NOTHING = undefined as never;
const NUMBERS = [undefined, null, '1', NaN, -1, 1.5, Infinity, 2 ** 53, {}, [], true, 1n] as never[];

describe('a required argument', () => {
  let server: NatsTestServer;
  let application: TestApplication;
  let jetstream: JetStreamService;
  let letters: DeadLetters;
  let stream: Stream;
  let kv: KeyValue;
  let store: ObjectStore;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    application = await startApplication(server.url, {});
    jetstream = application.app.get(JetStreamService);
    letters = application.app.get(DeadLetters);
    stream = await jetstream.createStream({ name: 'S', subjects: ['s.>'], allowDirect: true });
    await jetstream.createStream({ name: 'DEAD_LETTERS', subjects: ['dead-letters.>'] });
    await stream.createConsumer({ durable: 'worker' });
    kv = await application.app.get(KeyValueService).create({ bucket: 'B' });
    store = await application.app.get(ObjectStoreService).create({ bucket: 'O' });
  });
  afterAll(async () => {
    await application[Symbol.asyncDispose]();
    await server.stop();
  });

  it.each(NUMBERS)('that is a revision rejects %s: nothing is overwritten', async (revision) => {
    const last = await kv.put('key', 'theirs');
    await expect(kv.update('key', 'mine', revision)).rejects.toThrow(InvalidArgumentError);
    expect(await kv.get('key')).toMatchObject({ value: 'theirs', revision: last });
  });

  it.each(NUMBERS)('that is a revision to wait for rejects %s', async (revision) => {
    await using cached = await kv.cached();
    await expect(cached.waitForRevision(revision)).rejects.toThrow(InvalidArgumentError);
  });

  it.each(NUMBERS)('that is a sequence rejects %s', async (sequence) => {
    await jetstream.publish('s.a', 'kept');
    const { messages } = (await stream.info()).state;
    const calls: readonly (() => Promise<unknown>)[] = [
      () => stream.getMessage(sequence),
      () => stream.deleteMessage(sequence),
      () => stream.secureDeleteMessage(sequence),
      () => all(stream.getMessages({ startSequence: sequence })),
      () => letters.get(sequence),
      () => letters.replay(sequence),
      () => letters.drop(sequence),
    ];
    for (const call of calls) await expect(call()).rejects.toThrow(InvalidArgumentError);
    expect((await stream.info()).state.messages).toBe(messages);
  });

  it('that is a filter cannot be omitted: nothing is replayed or dropped', async () => {
    await jetstream.publish('dead-letters.S.worker', '1');
    await expect(letters.replayAll(NOTHING)).rejects.toThrow(InvalidArgumentError);
    await expect(letters.dropAll(NOTHING)).rejects.toThrow(InvalidArgumentError);
    expect((await (await jetstream.stream('DEAD_LETTERS')).info()).state.messages).toBe(1);
  });

  it('that is a time cannot be omitted: a pause does not resume', async () => {
    await stream.pauseConsumer('worker', new Date(Date.now() + 60_000));
    await expect(stream.pauseConsumer('worker', NOTHING)).rejects.toThrow(InvalidArgumentError);
    await expect(jetstream.pauseConsumer('S', 'worker', NOTHING)).rejects.toThrow(InvalidArgumentError);
    expect((await (await stream.consumer('worker')).info()).paused).toBe(true);
    await stream.resumeConsumer('worker');
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a subject', () => jetstream.streamNameBySubject(NOTHING)],
    ['a subject to read', () => stream.getLastMessage(NOTHING)],
    ['subjects to read', () => all(stream.getLastMessages(NOTHING))],
    ['a stream', () => jetstream.stream(NOTHING)],
    ['a stream to delete', () => jetstream.deleteStream(NOTHING)],
    ['a consumer to delete', () => stream.deleteConsumer(NOTHING)],
    ['a group', () => stream.unpinConsumer('worker', NOTHING)],
    ['a key', () => kv.delete(NOTHING)],
    ['a key to purge', () => kv.purge(NOTHING)],
    ['a key to read', () => kv.history(NOTHING)],
    ['keys to follow', () => kv.follow(NOTHING, {}, { onEntry: () => undefined, onError: () => undefined })],
    ['an object', () => store.delete(NOTHING)],
    ['a target', () => store.addLink('link', NOTHING)],
  ])('that is %s cannot be omitted', async (_, call) => {
    await expect(call()).rejects.toThrow(JetStreamError);
  });

  /** In contrast, an option without a value counts as omitted, as everywhere in this library. */
  it('is not an option: an option without a value counts as omitted', async () => {
    await kv.put('key', 1);
    await kv.delete('key', { revision: undefined });
    expect(await kv.get('key')).toBeUndefined();
    await kv.create('key', 1, { ttl: undefined });
    await kv.purge('key', { revision: undefined, ttl: undefined });
    const { revision } = await store.putString('object', 'text', { previousRevision: undefined });
    await store.putString('object', 'text', { previousRevision: revision });
    await jetstream.publish('s.a', '1', {
      expect: { lastSequence: undefined, lastSubjectSequence: undefined },
    });
    expect((await kv.get('none', { revision: undefined }))?.value).toBeUndefined();
  });
});
