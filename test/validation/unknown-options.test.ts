import {
  DeadLetters,
  InvalidArgumentError,
  JetStreamService,
  KeyValueService,
  ObjectStoreService,
  type Consumer,
  type KeyValue,
  type ObjectStore,
  type Stream,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { all } from '../consuming/dead-letters/all.js';
import { startApplication, type TestApplication } from '../support/application.js';

/** TypeScript reports a misspelled option only in a literal, and JavaScript never does. */
const wrong = (options: object): never => options as never;

describe('an unknown option', () => {
  let server: NatsTestServer;
  let application: TestApplication;
  let jetstream: JetStreamService;
  let stream: Stream;
  let consumer: Consumer;
  let kv: KeyValue;
  let store: ObjectStore;
  let keyValues: KeyValueService;
  let objectStores: ObjectStoreService;
  let letters: DeadLetters;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    application = await startApplication(server.url, {});
    const { app } = application;
    jetstream = app.get(JetStreamService);
    keyValues = app.get(KeyValueService);
    objectStores = app.get(ObjectStoreService);
    letters = app.get(DeadLetters);
    stream = await jetstream.createStream({ name: 'S', subjects: ['s.>'], allowDirect: true });
    consumer = await stream.createConsumer({ durable: 'worker' });
    kv = await keyValues.create({ bucket: 'B' });
    store = await objectStores.create({ bucket: 'O' });
  });
  afterAll(async () => {
    await application[Symbol.asyncDispose]();
    await server.stop();
  });

  const owner = { onEntry: () => undefined, onError: () => undefined };
  const cases: [string, string, () => unknown][] = [
    ['createStream', 'maxAges', () => jetstream.createStream(wrong({ name: 'T', maxAges: 1 }))],
    [
      'createStream within',
      'tag',
      () => jetstream.createStream(wrong({ name: 'T', placement: { tag: [] } })),
    ],
    ['createConsumer', 'ackWaits', () => stream.createConsumer(wrong({ durable: 'd', ackWaits: 1 }))],
    ['createPushConsumer', 'x', () => stream.createPushConsumer(wrong({ deliverSubject: 'd', x: 1 }))],
    ['orderedConsumer', 'filterSubject', () => stream.orderedConsumer(wrong({ filterSubject: 's.a' }))],
    ['info', 'subjectsFilter', () => stream.info(wrong({ subjectsFilter: '>' }))],
    ['purge', 'subjects', () => stream.purge(wrong({ subjects: 's.none' }))],
    ['getMessage', 'subjects', () => stream.getMessage(1, wrong({ subjects: 's.a' }))],
    ['getMessages', 'count', () => all(stream.getMessages(wrong({ startSequence: 1, count: 1 })))],
    ['getLastMessages', 'upTo', () => all(stream.getLastMessages('s.a', wrong({ upTo: 1 })))],
    ['listStreams', 'subjects', () => all(jetstream.listStreams(wrong({ subjects: 's.a' })))],
    ['resetConsumer', 'seq', () => stream.resetConsumer('worker', wrong({ seq: 1 }))],
    ['publish', 'mesageId', () => jetstream.publish('s.a', 1, wrong({ mesageId: 'a' }))],
    [
      'publish within',
      'expect.lastSequnce',
      () => jetstream.publish('s.a', 1, wrong({ expect: { lastSequnce: 0 } })),
    ],
    ['publish within', 'retry.times', () => jetstream.publish('s.a', 1, wrong({ retry: { times: 0 } }))],
    ['publish for all objects', 'toString', () => jetstream.publish('s.a', 1, wrong({ toString: 1 }))],
    ['publishAsync', 'mesageId', () => jetstream.publishAsync('s.a', 1, wrong({ mesageId: 'a' }))],
    [
      'publishMessage',
      'messageId',
      () => jetstream.publishMessage(wrong({ subject: 's.a', messageId: 'a' })),
    ],
    [
      'publishMessageAsync',
      'messageId',
      () => jetstream.publishMessageAsync(wrong({ subject: 's.a', messageId: 'a' })),
    ],
    ['publishBatch', 'messageID', () => jetstream.publishBatch(wrong([{ subject: 's.a', messageID: 'a' }]))],
    ['publishBatch', 'timeouts', () => jetstream.publishBatch([{ subject: 's.a' }], wrong({ timeouts: 1 }))],
    ['ingest', 'allowGap', () => jetstream.ingest([], wrong({ allowGap: true }))],
    ['ingest', 'messageID', () => jetstream.ingest(wrong([{ subject: 's.a', messageID: 'a' }]))],
    ['increment', 'ttl', () => jetstream.increment('s.a', 1, wrong({ ttl: 1_000 }))],
    ['request', 'timeouts', () => jetstream.requests.request('s.none', '', wrong({ timeouts: 1 }))],
    ['an API call', 'timeouts', () => jetstream.api.call('INFO', undefined, wrong({ timeouts: 1 }))],
    ['consume', 'maxMessage', () => consumer.consume(() => undefined, wrong({ maxMessage: 1 }))],
    [
      'consume within',
      'maxMessagesWithBytesLimit.byte',
      () => consumer.consume(() => undefined, wrong({ maxMessagesWithBytesLimit: { messages: 1, byte: 1 } })),
    ],
    ['messages', 'maxMessage', () => consumer.messages(wrong({ maxMessage: 1 }))],
    ['fetch', 'maxwait', () => consumer.fetch(1, wrong({ maxwait: 1 }))],
    ['fetchBytes', 'expiry', () => consumer.fetchBytes(1, wrong({ expiry: 1_000 }))],
    ['fetchNoWait', 'maxWait', () => consumer.fetchNoWait(1, wrong({ maxWait: 1 }))],
    ['next', 'expiry', () => consumer.next(wrong({ expiry: 1_000 }))],
    ['a Key-Value bucket', 'histroy', () => keyValues.create(wrong({ bucket: 'N', histroy: 2 }))],
    ['a Key-Value bucket', 'codecs', () => keyValues.create({ bucket: 'N' }, wrong({ codecs: [] }))],
    ['open', 'codecs', () => keyValues.open('B', wrong({ codecs: [] }))],
    ['update', 'histroy', () => keyValues.update(wrong({ bucket: 'B', histroy: 2 }))],
    ['createOrUpdate', 'histroy', () => keyValues.createOrUpdate(wrong({ bucket: 'N', histroy: 2 }))],
    ['get', 'consistant', () => kv.get('a', wrong({ consistant: true }))],
    ['getOrThrow', 'consistant', () => kv.getOrThrow('a', wrong({ consistant: true }))],
    ['create', 'revision', () => kv.create('a', 1, wrong({ revision: 1 }))],
    ['delete', 'previousRevision', () => kv.delete('a', wrong({ previousRevision: 1 }))],
    ['purge of a key', 'previousRevision', () => kv.purge('a', wrong({ previousRevision: 1 }))],
    ['watch', 'fromRevision', () => kv.watch('a', wrong({ fromRevision: 1 }))],
    ['follow', 'fromRevision', () => kv.follow('a', wrong({ fromRevision: 1 }), owner)],
    ['modify', 'attemps', () => kv.modify('a', () => 1, wrong({ attemps: 1 }))],
    ['lock', 'timeout', () => kv.lock('lock', wrong({ timeout: 1 }))],
    ['elect', 'onElect', () => kv.elect('lead', wrong({ onElect: () => undefined }))],
    ['purgeDeletes', 'older', () => kv.purgeDeletes(wrong({ older: 0 }))],
    ['an object store', 'maxByte', () => objectStores.create(wrong({ bucket: 'N', maxByte: 1 }))],
    [
      'createOrUpdate of an object store',
      'maxByte',
      () => objectStores.createOrUpdate(wrong({ bucket: 'N', maxByte: 1 })),
    ],
    ['put', 'revision', () => store.putString('a', 'text', wrong({ revision: 1 }))],
    [
      'put of a description',
      'descripton',
      () => store.putString(wrong({ name: 'a', descripton: '' }), 'text'),
    ],
    ['updateMeta', 'descripton', () => store.updateMeta('a', wrong({ descripton: '' }))],
    ['get of an object', 'timeout', () => store.getString('a', wrong({ timeout: 1 }))],
    ['info of an object', 'deleted', () => store.info('a', wrong({ deleted: true }))],
    ['list of objects', 'deleted', () => all(store.list(wrong({ deleted: true })))],
    ['watch of objects', 'history', () => store.watch(wrong({ history: true }))],
    ['list of dead letters', 'streams', () => all(letters.list(wrong({ streams: 'S' })))],
    ['page', 'size', () => letters.page({}, wrong({ size: 1 }))],
    ['replay', 'handler', () => letters.replay(1, wrong({ handler: true }))],
    ['replayAll', 'streams', () => letters.replayAll(wrong({ streams: 'S' }))],
    ['dropAll', 'streams', () => letters.dropAll(wrong({ streams: 'S' }))],
  ];

  it.each(cases)('is rejected by %s: %s', async (_, option, call) => {
    const failure: unknown = await (async () => call())().then(
      () => 'nothing',
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(InvalidArgumentError);
    expect((failure as Error).message).toContain(option);
  });

  it('is rejected before anything is done', async () => {
    expect((await stream.info()).state.messages).toBe(0);
    expect(await all(kv.keys())).toEqual([]);
    expect(await all(store.list())).toEqual([]);
    expect(await all(keyValues.names())).toEqual(['B']);
    expect(await all(objectStores.names())).toEqual(['O']);
  });

  it('is reported with the nearest known one', async () => {
    await expect(jetstream.publish('s.a', 1, wrong({ mesageId: 'a' }))).rejects.toThrow(
      'did you mean "messageId"?',
    );
    await expect(keyValues.create(wrong({ bucket: 'N', histroy: 2 }))).rejects.toThrow(
      'did you mean "history"?',
    );
  });

  it('is accepted if it is undefined or inherited', async () => {
    await jetstream.publish('s.a', 1, wrong({ mesageId: undefined }));
    await jetstream.publish('s.a', 1, wrong(Object.create({ messageId: 'inherited' }) as object));
    const { duplicate } = await jetstream.publish('s.a', 1, { messageId: 'inherited' });
    expect(duplicate).toBe(true);
  });
});
