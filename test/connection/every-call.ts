import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Injectable, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  DeadLetters,
  defineMessage,
  getDeadLettersToken,
  JetStreamInstances,
  getJetStreamToken,
  getKeyValueServiceToken,
  getObjectStoreServiceToken,
  JetStreamModule,
  JsSchedule,
  MessagePublisher,
  Schedules,
  type CachedKeyValue,
  type Consumer,
  type JetStreamApi,
  type JetStreamConnection,
  type JetStreamMessage,
  type JetStreamService,
  type KeyLock,
  type KeyValue,
  type KeyValueService,
  type LeaderElection,
  type MessageBatch,
  type Messages,
  type ObjectInfo,
  type ObjectStore,
  type ObjectStoreService,
  type OrderedConsumer,
  type PushConsumer,
  type Stream,
} from 'nestjs-nats-jetstream';
import { KeyValueCacheStore } from 'nestjs-nats-jetstream/cache';
import { ObjectStoreStorage } from 'nestjs-nats-jetstream/upload';
import type { Outcome, Requests } from '../../lib/requests/index.js';
import { LogRecorder } from '../support/log-recorder.js';
import { connectOver } from './connect-over.js';

/** Everything that was obtained from a connection before it ended. */
export interface Obtained {
  readonly app: INestApplicationContext;
  readonly nc: NatsConnection;
  readonly connection: JetStreamConnection;
  readonly requests: Requests;
  readonly api: JetStreamApi;
  readonly jetstream: JetStreamService;
  readonly stream: Stream;
  readonly consumer: Consumer;
  readonly push: PushConsumer;
  readonly ordered: OrderedConsumer;
  /** An ordered consumer serves one purpose at a time. */
  readonly orderedCallback: OrderedConsumer;
  readonly orderedIterator: OrderedConsumer;
  readonly message: JetStreamMessage;
  readonly batch: MessageBatch;
  readonly messages: Messages;
  readonly buckets: KeyValueService;
  readonly keyValue: KeyValue;
  readonly cached: CachedKeyValue<unknown>;
  readonly lock: KeyLock;
  readonly election: LeaderElection;
  readonly stores: ObjectStoreService;
  readonly objects: ObjectStore;
  readonly info: ObjectInfo;
  readonly deadLetters: DeadLetters;
  readonly instances: JetStreamInstances;
  readonly schedules: Schedules;
  readonly cache: KeyValueCacheStore;
  readonly upload: ObjectStoreStorage;
}

/**
 * Obtains everything from a new connection.
 *
 * @param name of the stream and buckets
 * @param timeout of requests, in milliseconds
 */
export async function obtain(
  url: string,
  name: string,
  wire: 'direct' | 'client',
  timeout: number,
): Promise<Obtained> {
  const nc = await connectOver(wire, { servers: url });
  const connection = nc;
  @Injectable()
  class Reports {
    @JsSchedule('@yearly', { name: 'report', stream: { name: `S_${name}`, storage: 'memory' } })
    yearly(): void {}
  }
  const app = await Test.createTestingModule({
    providers: [Reports],
    imports: [JetStreamModule.forRoot({ connection, jetstream: { timeout }, shutdownTimeout: 2_000 })],
  })
    .setLogger(new LogRecorder())
    .compile();
  await app.init();
  const jetstream = app.get<JetStreamService>(getJetStreamToken());
  const buckets = app.get<KeyValueService>(getKeyValueServiceToken());
  const stores = app.get<ObjectStoreService>(getObjectStoreServiceToken());
  const stream = await jetstream.createStream({ name, subjects: [name, `${name}.*`], storage: 'memory' });
  const consumer = await stream.createConsumer({ durable: 'c' });
  const push = await stream.createPushConsumer({ durable: 'p', deliverSubject: `deliver.${name}` });
  for (let i = 0; i < 3; i++) await jetstream.publish(name, i);
  const message = await consumer.next();
  if (!message) throw new Error('there is no message');
  const keyValue = await buckets.create({ bucket: name, storage: 'memory' });
  await keyValue.put('k', 1);
  const objects = await stores.create({ bucket: name, storage: 'memory' });
  return {
    app,
    nc,
    connection: jetstream.connection,
    requests: jetstream.requests,
    api: jetstream.api,
    jetstream,
    stream,
    consumer,
    push,
    ordered: await stream.orderedConsumer(),
    orderedCallback: await stream.orderedConsumer(),
    orderedIterator: await stream.orderedConsumer(),
    message,
    batch: consumer.fetch(500, { maxWait: 60_000 }),
    messages: consumer.messages(),
    buckets,
    keyValue,
    cached: await keyValue.cached(),
    lock: await keyValue.lock('locked'),
    election: keyValue.elect('elected'),
    stores,
    objects,
    info: await objects.putString('o', 'x'),
    deadLetters: app.get<DeadLetters>(getDeadLettersToken()),
    instances: app.get(JetStreamInstances),
    schedules: app.get(Schedules),
    cache: new KeyValueCacheStore(keyValue),
    upload: new ObjectStoreStorage(objects, { stallTimeout: 1_000 }),
  };
}

/** A method that needs no connection, since it only reads known values or ends something. It must not fail. */
type Harmless = { readonly harmless: (on: Obtained) => unknown };
/** A call that needs the connection. */
type Asking = (on: Obtained) => unknown;
/** A call that goes on receiving as long as there is a connection. */
type OpenEnded = { readonly openEnded: Asking };
type Call = Asking | OpenEnded | Harmless;
/** Every public method of a class. */
type Calls<T> = {
  readonly [Name in MethodOf<T>]: Call;
};
type MethodOf<T> = Extract<
  { [Name in keyof T]: T[Name] extends (...args: never[]) => unknown ? Name : never }[keyof T],
  string
>;

const harmless = (call: Asking): Harmless => ({ harmless: call });
const openEnded = (call: Asking): OpenEnded => ({ openEnded: call });

async function all(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

async function wholeBatch(batch: MessageBatch): Promise<void> {
  await all(batch);
  if (batch.error) throw batch.error;
}

function reply(ask: (onReply: (...outcome: Outcome) => boolean) => unknown): Promise<unknown> {
  return new Promise((resolve, reject) =>
    ask((error, message) => {
      if (error) reject(error);
      else resolve(message);
      return false;
    }),
  );
}

async function ended(consumption: { readonly closed: Promise<Error | undefined> }): Promise<void> {
  const error = await consumption.closed;
  if (error) throw error;
}

const later = new Date(Date.now() + 60_000);
const file = join(tmpdir(), 'never-written');
const consumerConfig = { durable: 'd' };
const pushConfig = { durable: 'q', deliverSubject: 'deliver.q' };

const STREAM: Calls<Stream> = {
  info: ({ stream }) => stream.info(),
  purge: ({ stream }) => stream.purge(),
  getMessage: ({ stream }) => stream.getMessage(1),
  getLastMessage: ({ stream }) => stream.getLastMessage('a'),
  getMessages: ({ stream }) => all(stream.getMessages({ startSequence: 1, batch: 5 })),
  getLastMessages: ({ stream }) => all(stream.getLastMessages(['a'])),
  deleteMessage: ({ stream }) => stream.deleteMessage(1),
  secureDeleteMessage: ({ stream }) => stream.secureDeleteMessage(1),
  createConsumer: ({ stream }) => stream.createConsumer(consumerConfig),
  updateConsumer: ({ stream }) => stream.updateConsumer(consumerConfig),
  createOrUpdateConsumer: ({ stream }) => stream.createOrUpdateConsumer(consumerConfig),
  consumer: ({ stream }) => stream.consumer('c'),
  createPushConsumer: ({ stream }) => stream.createPushConsumer(pushConfig),
  updatePushConsumer: ({ stream }) => stream.updatePushConsumer(pushConfig),
  createOrUpdatePushConsumer: ({ stream }) => stream.createOrUpdatePushConsumer(pushConfig),
  pushConsumer: ({ stream }) => stream.pushConsumer('p'),
  orderedConsumer: async ({ stream }) => (await stream.orderedConsumer()).next(),
  deleteConsumer: ({ stream }) => stream.deleteConsumer('c'),
  pauseConsumer: ({ stream }) => stream.pauseConsumer('c', later),
  resumeConsumer: ({ stream }) => stream.resumeConsumer('c'),
  unpinConsumer: ({ stream }) => stream.unpinConsumer('c', 'g'),
  resetConsumer: ({ stream }) => stream.resetConsumer('c'),
  listConsumers: ({ stream }) => all(stream.listConsumers()),
  consumerNames: ({ stream }) => all(stream.consumerNames()),
};

const JETSTREAM: Calls<JetStreamService> = {
  // Used by the module while the application starts.
  starting: harmless(() => undefined),
  rtt: ({ jetstream }) => jetstream.rtt(),
  publishUnchanged: ({ jetstream }) => jetstream.publishUnchanged('test.a', '1', {}),
  // It does not wait for the server; test/contracts publishes messages of core NATS.
  sendToSubscribers: harmless(() => undefined),
  accountInfo: ({ jetstream }) => jetstream.accountInfo(),
  createStream: ({ jetstream }) => jetstream.createStream({ name: 'n' }),
  updateStream: ({ jetstream }) => jetstream.updateStream({ name: 'n' }),
  createOrUpdateStream: ({ jetstream }) => jetstream.createOrUpdateStream({ name: 'n' }),
  stream: ({ jetstream }) => jetstream.stream('n'),
  deleteStream: ({ jetstream }) => jetstream.deleteStream('n'),
  listStreams: ({ jetstream }) => all(jetstream.listStreams()),
  streamNames: ({ jetstream }) => all(jetstream.streamNames()),
  streamNameBySubject: ({ jetstream }) => jetstream.streamNameBySubject('n'),
  createConsumer: ({ jetstream }) => jetstream.createConsumer('n', consumerConfig),
  updateConsumer: ({ jetstream }) => jetstream.updateConsumer('n', consumerConfig),
  createOrUpdateConsumer: ({ jetstream }) => jetstream.createOrUpdateConsumer('n', consumerConfig),
  consumer: ({ jetstream }) => jetstream.consumer('n', 'c'),
  createPushConsumer: ({ jetstream }) => jetstream.createPushConsumer('n', pushConfig),
  updatePushConsumer: ({ jetstream }) => jetstream.updatePushConsumer('n', pushConfig),
  createOrUpdatePushConsumer: ({ jetstream }) => jetstream.createOrUpdatePushConsumer('n', pushConfig),
  pushConsumer: ({ jetstream }) => jetstream.pushConsumer('n', 'p'),
  orderedConsumer: async ({ jetstream }) => (await jetstream.orderedConsumer('n')).next(),
  deleteConsumer: ({ jetstream }) => jetstream.deleteConsumer('n', 'c'),
  pauseConsumer: ({ jetstream }) => jetstream.pauseConsumer('n', 'c', later),
  resumeConsumer: ({ jetstream }) => jetstream.resumeConsumer('n', 'c'),
  unpinConsumer: ({ jetstream }) => jetstream.unpinConsumer('n', 'c', 'g'),
  resetConsumer: ({ jetstream }) => jetstream.resetConsumer('n', 'c'),
  listConsumers: ({ jetstream }) => all(jetstream.listConsumers('n')),
  consumerNames: ({ jetstream }) => all(jetstream.consumerNames('n')),
  publish: ({ jetstream }) => jetstream.publish('a', 1),
  publishMessage: ({ jetstream }) => jetstream.publishMessage({ subject: 'a' }),
  publishAsync: ({ jetstream }) => jetstream.publishAsync('a', 1).ack,
  publishMessageAsync: ({ jetstream }) => jetstream.publishMessageAsync({ subject: 'a' }).ack,
  publishWhenOpen: ({ jetstream }) => jetstream.publishWhenOpen({ subject: 'a' }).ack,
  publishAsyncReady: harmless(({ jetstream }) => jetstream.publishAsyncReady()),
  publishAsyncComplete: harmless(({ jetstream }) => jetstream.publishAsyncComplete()),
  publishBatch: ({ jetstream }) => jetstream.publishBatch([{ subject: 'a' }, { subject: 'a' }]),
  ingest: ({ jetstream }) => jetstream.ingest([{ subject: 'a' }, { subject: 'a' }]),
  increment: ({ jetstream }) => jetstream.increment('a'),
  counter: ({ jetstream }) => jetstream.counter('a'),
  closePublishing: harmless(({ jetstream }) => jetstream.closePublishing(1_000)),
};

const placed = defineMessage({ subject: 'placed.:id' });
const publisher = ({ jetstream }: Obtained): MessagePublisher<typeof placed> =>
  new MessagePublisher(placed, jetstream, undefined);

const PUBLISHER: Calls<MessagePublisher<typeof placed>> = {
  publish: (on) => publisher(on).publish({ id: '1' }, 1),
  publishAsync: (on) => publisher(on).publishAsync({ id: '1' }, 1).ack,
  schedule: (on) => publisher(on).schedule({ id: '1' }, 1, { subject: 'schedules.1', at: later }),
  publishTo: (on) => publisher(on).publishTo('placed.1', 1, {}),
  prepare: harmless((on) => publisher(on).prepare({ id: '1' }, 1)),
};

const API: Calls<JetStreamApi> = {
  call: ({ api }) => api.call('INFO'),
  flush: ({ api }) => api.flush('a test'),
  pages: ({ api }) => all(api.pages('STREAM.NAMES', {}, () => [])),
};

const REQUESTS: Calls<Requests> = {
  request: ({ requests }) => requests.request('a', ''),
  send: ({ requests }) => reply((onReply) => requests.send('a', '', {}, onReply)),
  open: ({ requests }) => reply((onReply) => requests.open('a', '', {}, onReply)),
  expect: ({ requests }) => reply((onReply) => requests.expect('a', {}, onReply)),
  replySubject: harmless(({ requests }) => requests.replySubject(1)),
  giveUp: harmless(({ requests }) => requests.giveUp(1)),
  close: harmless(({ requests }) => requests.close()),
};

const CONNECTION: Calls<JetStreamConnection> = {
  flush: ({ connection }) => connection.flush(),
  rtt: ({ connection }) => connection.rtt(),
  listen: harmless(({ connection }) => connection.listen({})()),
  post: harmless(({ connection }) => void connection.post('a', '', { purpose: 'a test' })),
  answer: harmless(
    ({ connection, message }) => void connection.answer(message.msg, '+ACK', { purpose: 'a test' }),
  ),
  supports: harmless(({ connection }) => connection.supports('2.9.0')),
  require: harmless(({ connection }) => connection.require('a test', '2.9.0')),
  opened: harmless(({ connection }) => connection.opened({})),
  whenReady: harmless(({ connection }) => connection.whenReady(() => undefined)),
  drain: harmless(({ connection }) => connection.drain()),
};

const CONSUMER: Calls<Consumer> = {
  info: ({ consumer }) => consumer.info(),
  consume: openEnded(({ consumer }) =>
    ended(consumer.consume(() => undefined, { onError: () => undefined })),
  ),
  messages: openEnded(({ consumer }) => all(consumer.messages())),
  fetch: ({ consumer }) => wholeBatch(consumer.fetch(5, { maxWait: 1_000 })),
  fetchBytes: ({ consumer }) => wholeBatch(consumer.fetchBytes(5_000, { maxWait: 1_000 })),
  fetchNoWait: ({ consumer }) => wholeBatch(consumer.fetchNoWait(5)),
  next: ({ consumer }) => consumer.next({ maxWait: 1_000 }),
};

const PUSH_CONSUMER: Calls<PushConsumer> = {
  info: ({ push }) => push.info(),
  consume: openEnded(({ push }) => ended(push.consume(() => undefined, { onError: () => undefined }))),
};

const ORDERED_CONSUMER: Calls<OrderedConsumer> = {
  info: ({ ordered }) => ordered.info(),
  consume: openEnded(({ orderedCallback }) =>
    ended(orderedCallback.consume(() => undefined, { onError: () => undefined })),
  ),
  messages: openEnded(({ orderedIterator }) => all(orderedIterator.messages())),
  fetch: ({ ordered }) => wholeBatch(ordered.fetch(5, { maxWait: 1_000 })),
  fetchBytes: ({ ordered }) => wholeBatch(ordered.fetchBytes(5_000, { maxWait: 1_000 })),
  fetchNoWait: ({ ordered }) => wholeBatch(ordered.fetchNoWait(5)),
  next: ({ ordered }) => ordered.next({ maxWait: 1_000 }),
};

const BATCH: Calls<MessageBatch> = {
  first: openEnded(async ({ batch }) => {
    await all(batch);
    if (batch.error) throw batch.error;
  }),
};

const MESSAGES: Calls<Messages> = {
  next: openEnded(async ({ messages }) => {
    for (;;) await messages.next();
  }),
  stop: harmless(({ messages }) => messages.stop()),
  drain: harmless(({ messages }) => messages.drain()),
};

const MESSAGE: Calls<JetStreamMessage> = {
  text: harmless(({ message }) => message.text()),
  json: harmless(({ message }) => message.json()),
  inProgress: harmless(({ message }) => message.settled || message.inProgress()),
  post: harmless(({ message }) => message.post('+ACK')),
  kept: harmless(({ message }) => message.kept('test')),
  isCutOffBy: harmless(({ message }) => message.isCutOffBy(new Error('another'))),
  requestAck: ({ message }) => message.requestAck(message.reply, {}),
  doubleAck: ({ message }) => message.doubleAck(),
  ack: harmless(({ message }) => message.settled || message.ack()),
  nak: harmless(({ message }) => message.settled || message.nak()),
  term: harmless(({ message }) => message.settled || message.term()),
};

const KEY_VALUE_SERVICE: Calls<KeyValueService> = {
  create: ({ buckets }) => buckets.create({ bucket: 'b' }),
  update: ({ buckets }) => buckets.update({ bucket: 'b' }),
  createOrUpdate: ({ buckets }) => buckets.createOrUpdate({ bucket: 'b' }),
  open: ({ buckets }) => buckets.open('b'),
  delete: ({ buckets }) => buckets.delete('b'),
  names: ({ buckets }) => all(buckets.names()),
  list: ({ buckets }) => all(buckets.list()),
  releaseLeases: harmless(({ buckets }) => buckets.releaseLeases(500)),
  declareCodec: harmless(({ buckets, jetstream }) =>
    buckets.declareCodec('b', jetstream.declarations.codecOfStream('b')),
  ),
  // Used by the module for an application without a server.
  declared: harmless(() => undefined),
};

const KEY_VALUE: Calls<KeyValue> = {
  get: ({ keyValue }) => keyValue.get('k'),
  getOrThrow: ({ keyValue }) => keyValue.getOrThrow('k'),
  put: ({ keyValue }) => keyValue.put('k', 1),
  create: ({ keyValue }) => keyValue.create('k', 1),
  update: ({ keyValue }) => keyValue.update('k', 1, 1),
  delete: ({ keyValue }) => keyValue.delete('k'),
  purge: ({ keyValue }) => keyValue.purge('k'),
  watch: ({ keyValue }) => keyValue.watch(),
  follow: ({ keyValue }) => keyValue.follow('k', {}, { onEntry: () => undefined, onError: () => undefined }),
  cached: ({ keyValue }) => keyValue.cached(),
  modify: ({ keyValue }) => keyValue.modify('k', () => 1),
  lock: ({ keyValue }) => keyValue.lock('l', { wait: 1_000 }),
  elect: harmless(({ keyValue }) => keyValue.elect('e').stop()),
  keys: ({ keyValue }) => all(keyValue.keys()),
  history: ({ keyValue }) => keyValue.history('k'),
  purgeDeletes: ({ keyValue }) => keyValue.purgeDeletes(),
  status: ({ keyValue }) => keyValue.status(),
};

const CACHED: Calls<CachedKeyValue<unknown>> = {
  get: harmless(({ cached }) => cached.get('k')?.value),
  has: harmless(({ cached }) => cached.has('k')),
  keys: harmless(({ cached }) => [...cached.keys()]),
  values: harmless(({ cached }) => [...cached.values()]),
  waitForRevision: openEnded(({ cached }) => cached.waitForRevision(1_000_000)),
  start: harmless(() => undefined),
  stop: harmless(({ cached }) => cached.stop()),
};

const LOCK: Calls<KeyLock> = {
  onEnd: harmless(({ lock }) => new Promise<void>((resolve) => lock.onEnd(resolve))),
  release: harmless(({ lock }) => lock.release()),
  releaseWithin: harmless(() => undefined),
};

const ELECTION: Calls<LeaderElection> = {
  leader: ({ election }) => election.leader(),
  stop: harmless(({ election }) => election.stop()),
  stopWithin: harmless(() => undefined),
};

const OBJECT_STORE_SERVICE: Calls<ObjectStoreService> = {
  create: ({ stores }) => stores.create({ bucket: 'b' }),
  update: ({ stores }) => stores.update({ bucket: 'b' }),
  createOrUpdate: ({ stores }) => stores.createOrUpdate({ bucket: 'b' }),
  open: ({ stores }) => stores.open('b'),
  delete: ({ stores }) => stores.delete('b'),
  names: ({ stores }) => all(stores.names()),
  list: ({ stores }) => all(stores.list()),
  declared: harmless(() => undefined),
  close: harmless(({ stores }) => stores.close(500)),
};

const stalling = { stallTimeout: 1_000 };

const OBJECT_STORE: Calls<ObjectStore> = {
  put: ({ objects }) => objects.put('p', Readable.from(['x']), stalling),
  putBytes: ({ objects }) => objects.putBytes('p', new Uint8Array(1), stalling),
  putString: ({ objects }) => objects.putString('p', 'x', stalling),
  putFile: ({ objects }) => objects.putFile(new URL(import.meta.url).pathname, {}, stalling),
  get: async ({ objects }) => all(await objects.get('o', stalling)),
  getBytes: ({ objects }) => objects.getBytes('o', stalling),
  getString: ({ objects }) => objects.getString('o', stalling),
  getFile: ({ objects }) => objects.getFile('o', file, stalling),
  info: ({ objects }) => objects.info('o'),
  updateMeta: ({ objects }) => objects.updateMeta('o', { description: 'x' }),
  delete: ({ objects }) => objects.delete('o'),
  deleteVersion: ({ objects, info }) => objects.deleteVersion(info),
  list: ({ objects }) => all(objects.list()),
  watch: ({ objects }) => objects.watch(),
  follow: ({ objects }) => objects.follow({}, {}),
  status: ({ objects }) => objects.status(),
  seal: ({ objects }) => objects.seal(),
  addLink: ({ objects, info }) => objects.addLink('l', info),
  addBucketLink: ({ objects }) => objects.addBucketLink('l', objects),
};

const DEAD_LETTERS: Calls<DeadLetters> = {
  list: ({ deadLetters }) => all(deadLetters.list()),
  page: ({ deadLetters }) => deadLetters.page(),
  get: ({ deadLetters }) => deadLetters.get(1),
  replay: ({ deadLetters }) => deadLetters.replay(1),
  replayEdited: ({ deadLetters }) => deadLetters.replayEdited(1, { data: new Uint8Array(1) }),
  replayAll: ({ deadLetters }) => deadLetters.replayAll({}),
  drop: ({ deadLetters }) => deadLetters.drop(1),
  dropAll: ({ deadLetters }) => deadLetters.dropAll({}),
};

const INSTANCES: Calls<JetStreamInstances> = {
  list: ({ instances }) => instances.list({ name: 'none' }),
  listAll: ({ instances }) => instances.listAll(),
  pause: ({ instances }) => instances.pause('A.b', { name: 'none', id: 'NONE' }),
  resume: ({ instances }) => instances.resume('A.b', { name: 'none', id: 'NONE' }),
  stop: ({ instances }) => instances.stop('A.b', { name: 'none' }),
  start: ({ instances }) => instances.start('A.b', { name: 'none' }),
};

const SCHEDULES: Omit<Calls<Schedules>, 'use'> = {
  list: ({ schedules }) => schedules.list(),
  get: ({ schedules }) => schedules.get('report'),
  pause: ({ schedules }) => schedules.pause('report'),
  resume: ({ schedules }) => schedules.resume('report'),
  runNow: ({ schedules }) => schedules.runNow('report'),
  at: ({ schedules }) => schedules.at('report', new Date()),
  cancel: ({ schedules }) => schedules.cancel('report', 'none'),
};

const CACHE = {
  get: ({ cache }) => cache.get('k'),
  getMany: ({ cache }) => cache.getMany(['k']),
  set: ({ cache }) => cache.set('k', 'v'),
  setMany: ({ cache }) => cache.setMany([{ key: 'k', value: 'v' }]),
  delete: ({ cache }) => cache.delete('k'),
  deleteMany: ({ cache }) => cache.deleteMany(['k']),
  has: ({ cache }) => cache.has('k'),
  hasMany: ({ cache }) => cache.hasMany(['k']),
  clear: ({ cache }) => cache.clear(),
  disconnect: harmless(({ cache }) => cache.disconnect()),
} satisfies Omit<Calls<KeyValueCacheStore>, keyof NodeJS.EventEmitter>;

const UPLOAD: Calls<ObjectStoreStorage> = {
  _handleFile: ({ upload }) =>
    new Promise((resolve, reject) =>
      upload._handleFile(
        undefined as never,
        { fieldname: 'f', originalname: 'f', mimetype: 'text/plain', stream: Readable.from(['x']) },
        (error) => (error ? reject(error) : resolve(undefined)),
      ),
    ),
  _removeFile: ({ upload, info }) =>
    new Promise((resolve, reject) =>
      upload._removeFile(undefined as never, { object: info, filename: 'o', size: 1 }, (error) =>
        error ? reject(error) : resolve(undefined),
      ),
    ),
};

const TABLE: readonly [string, Call][] = Object.entries({
  Stream: STREAM,
  JetStreamService: JETSTREAM,
  MessagePublisher: PUBLISHER,
  JetStreamApi: API,
  Requests: REQUESTS,
  Consumer: CONSUMER,
  PushConsumer: PUSH_CONSUMER,
  OrderedConsumer: ORDERED_CONSUMER,
  MessageBatch: BATCH,
  Messages: MESSAGES,
  JetStreamMessage: MESSAGE,
  KeyValueService: KEY_VALUE_SERVICE,
  KeyValue: KEY_VALUE,
  CachedKeyValue: CACHED,
  LeaderElection: ELECTION,
  KeyLock: LOCK,
  ObjectStoreService: OBJECT_STORE_SERVICE,
  ObjectStore: OBJECT_STORE,
  DeadLetters: DEAD_LETTERS,
  JetStreamInstances: INSTANCES,
  Schedules: SCHEDULES,
  KeyValueCacheStore: CACHE,
  ObjectStoreStorage: UPLOAD,
  // These are last because they end resources that the others need.
  JetStreamConnection: CONNECTION,
}).flatMap(([type, calls]) =>
  Object.entries(calls).map(([method, call]): [string, Call] => [`${type}.${method}`, call]),
);
/** Calls that need the connection and end. */
export const asking = TABLE.filter((row): row is [string, Asking] => typeof row[1] === 'function');
/** Calls that need the connection and continue as long as it is open. */
export const allOpenEnded = TABLE.flatMap(([name, call]): [string, Asking][] =>
  'openEnded' in call ? [[name, call.openEnded]] : [],
);
/** Calls that need no connection. */
export const allHarmless = TABLE.flatMap(([name, call]): [string, Asking][] =>
  'harmless' in call ? [[name, call.harmless]] : [],
);

/** The error that a call throws or rejects with, or `no error`. */
export async function outcomeOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return 'no error';
  } catch (error) {
    return error;
  }
}
