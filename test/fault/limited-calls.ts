import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type INestApplicationContext, Injectable, type Provider } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  DEAD_LETTER_HEADERS,
  DEAD_LETTER_STREAM,
  DEAD_LETTER_SUBJECT,
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
  type CallOptions,
  type Consumer,
  type JetStreamMessage,
  type JetStreamService,
  type KeyValue,
  type KeyValueService,
  type LeaderElection,
  type MessageBatch,
  type ObjectInfo,
  type ObjectStore,
  type ObjectStoreService,
  type OrderedConsumer,
  type PushConsumer,
  Schedules,
  type Stream,
} from 'nestjs-nats-jetstream';
import { SILENCE } from '../../lib/object-store/object-transfers.js';
import { LogRecorder } from '../support/log-recorder.js';
import { connectOver } from '../connection/connect-over.js';

/** The application and the objects that calls are made on. */
export interface Limited {
  readonly app: INestApplicationContext;
  readonly nc: NatsConnection;
  readonly jetstream: JetStreamService;
  readonly placed: MessagePublisher<typeof Placed>;
  readonly stream: Stream;
  readonly consumer: Consumer;
  readonly push: PushConsumer;
  readonly ordered: OrderedConsumer;
  /** The messages of a consumer that calls settle, one for each. */
  readonly messages: () => Promise<JetStreamMessage>;
  readonly buckets: KeyValueService;
  readonly keyValue: KeyValue<number>;
  readonly election: LeaderElection;
  readonly stores: ObjectStoreService;
  readonly objects: ObjectStore;
  readonly info: ObjectInfo;
  readonly deadLetters: DeadLetters;
  readonly instances: JetStreamInstances;
  readonly schedules: Schedules;
}

/** The timeout of requests without an own one, in milliseconds: longer than any limit of the tests. */
export const PATIENCE = 10_000;

const LATER = new Date('2100-01-01T00:00:00Z');

/** Stores a schedule, which other processes control. */
@Injectable()
class Stored {
  @JsSchedule({ at: LATER }, { name: 'nightly' })
  run(): void {}
}

/** A process that runs a schedule sends messages at any time, which the tests would count. */
@Injectable()
class Nightly {
  @JsSchedule({ at: LATER }, { name: 'nightly', enabled: false })
  run(): void {}
}

/** Creates an application. */
async function application(
  connection: NatsConnection,
  ...providers: Provider[]
): Promise<INestApplicationContext> {
  const app = await Test.createTestingModule({
    imports: [
      JetStreamModule.forRoot({ connection, jetstream: { timeout: PATIENCE }, shutdownTimeout: 1_000 }),
    ],
    providers,
  })
    .setLogger(new LogRecorder())
    .compile();
  await app.init();
  return app;
}

const Placed = defineMessage({ subject: 's.:id' });

/** Creates everything that the calls need. */
export async function limited(url: string): Promise<Limited> {
  const nc = await connectOver('direct', { servers: url });
  await (await application(nc, Stored)).close();
  const app = await application(nc, Nightly);
  const jetstream = app.get<JetStreamService>(getJetStreamToken());
  const buckets = app.get<KeyValueService>(getKeyValueServiceToken());
  const stores = app.get<ObjectStoreService>(getObjectStoreServiceToken());
  const stream = await jetstream.createStream({
    name: 'S',
    subjects: ['s.>'],
    storage: 'memory',
    allowDirect: true,
    allowAtomicPublish: true,
    allowBatchPublish: true,
    allowMessageSchedules: true,
  });
  await jetstream.createStream({ name: 'COUNTS', subjects: ['count.>'], allowMessageCounter: true });
  await jetstream.increment('count.a');
  await jetstream.createStream({
    name: DEAD_LETTER_STREAM,
    subjects: [`${DEAD_LETTER_SUBJECT}.>`],
    storage: 'memory',
    allowDirect: true,
  });
  await publishDeadLetters(jetstream, 20);
  for (let i = 0; i < 100; i++) await jetstream.publish('s.a', i);
  answerAsInstance(nc);
  const settled = await stream.createConsumer({ durable: 'settled' });
  const keyValue = await buckets.create<number>({ bucket: 'B', storage: 'memory', limitMarkerTtl: 60_000 });
  await keyValue.put('k', 1);
  const objects = await stores.create({ bucket: 'B', storage: 'memory' });
  const info = await objects.putString('o', 'x');
  return {
    app,
    nc,
    jetstream,
    placed: new MessagePublisher(Placed, jetstream, undefined),
    stream,
    consumer: await stream.createConsumer({ durable: 'c', ackPolicy: 'none' }),
    push: await stream.createPushConsumer({ durable: 'p', deliverSubject: 'deliver.p' }),
    ordered: await stream.orderedConsumer(),
    messages: async () => {
      const message = await settled.next();
      if (!message) throw new Error('there is no message');
      return message;
    },
    buckets,
    keyValue,
    election: keyValue.elect('elected', { ttl: 3_600_000 }),
    stores,
    objects,
    info,
    deadLetters: app.get<DeadLetters>(getDeadLettersToken()),
    instances: app.get(JetStreamInstances),
    schedules: app.get(Schedules),
  };
}

/** The only instance of the service `peer`, which executes every command. */
function answerAsInstance(nc: NatsConnection): void {
  const identity = { name: 'peer', id: 'PEER', version: '1.0.0', metadata: {} };
  const pong = { ...identity, type: 'io.nats.micro.v1.ping_response' };
  const done = { ...identity, type: 'nestjs-nats-jetstream.control.v1.response', handlers: [] };
  for (const [subject, answer] of [
    ['$SRV.PING.peer', pong],
    ['jetstream-control.*.peer.PEER', done],
  ] as const)
    nc.subscribe(subject, { callback: (_, message) => void message.respond(JSON.stringify(answer)) });
}

async function publishDeadLetters(jetstream: JetStreamService, count: number): Promise<void> {
  const { stream, consumer, subject, sequence } = DEAD_LETTER_HEADERS;
  for (let i = 1; i <= count; i++) {
    const headers = { [stream]: 'S', [consumer]: 'c', [subject]: 's.replayed', [sequence]: String(i) };
    await jetstream.publish(`${DEAD_LETTER_SUBJECT}.S.c`, 'x', { headers });
  }
}

/** A call with its limits. */
export type Call<Prepared = unknown> = (on: Limited, limits: CallOptions, prepared: Prepared) => unknown;

/** How a call differs from the others. */
export interface LimitedCall {
  readonly call: Call;
  /** Creates what one call needs, while the server runs. */
  readonly prepare?: (on: Limited) => unknown;
  /** The name of its time limit, if that is not `timeout`. */
  readonly limit?: 'maxWait' | 'stallTimeout' | 'wait';
  /** How long it takes until an aborted call has cleaned up, in milliseconds. Default: it ends at once. */
  readonly cleaning?: number;
  /** How long the server may be silent regardless of the time limit, in milliseconds. */
  readonly silence?: number;
  /** It reports what was stored before the abort, in an error whose cause is the reason. */
  readonly reports?: true;
}

const all = async (items: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of items);
};

const whole = async (batch: MessageBatch): Promise<void> => {
  await all(batch);
  const { error } = batch;
  // The property is always an `Error`: a reason of another type is its cause.
  // oxlint-disable-next-line typescript/only-throw-error -- as the other calls do
  if (error?.constructor === Error && error.cause !== undefined) throw error.cause;
  if (error) throw error;
};

let names = 0;
const fresh = (): string => `n${++names}`;

/** A consumer for one call. */
const aConsumer = async ({ stream }: Limited): Promise<string> => {
  const name = fresh();
  await stream.createConsumer({ durable: name });
  return name;
};
const aPinnedConsumer = async ({ stream }: Limited): Promise<string> => {
  const name = fresh();
  await stream.createConsumer({
    durable: name,
    priorityGroups: ['g'],
    priorityPolicy: 'pinned_client',
    pinnedTtl: 60_000,
  });
  return name;
};
const aPushConsumer = async ({ stream }: Limited): Promise<string> => {
  const name = fresh();
  await stream.createPushConsumer({ durable: name, deliverSubject: `deliver.${name}` });
  return name;
};
const aStream = async ({ jetstream }: Limited): Promise<string> => {
  const name = fresh();
  await jetstream.createStream({ name, storage: 'memory' });
  return name;
};
const aMessage = async ({ jetstream }: Limited): Promise<number> =>
  (await jetstream.publish('s.deleted', 1)).sequence;
const aKey = async ({ keyValue }: Limited): Promise<{ key: string; revision: number }> => {
  const key = fresh();
  return { key, revision: await keyValue.put(key, 1) };
};
const aBucket = async ({ buckets }: Limited): Promise<string> => {
  const bucket = fresh();
  await buckets.create({ bucket, storage: 'memory' });
  return bucket;
};
const aStore = async ({ stores }: Limited): Promise<string> => {
  const bucket = fresh();
  await stores.create({ bucket, storage: 'memory' });
  return bucket;
};
const anObject = async ({ objects }: Limited): Promise<string> => {
  const name = fresh();
  await objects.putString(name, 'x');
  return name;
};
const aLetter = async ({ deadLetters }: Limited): Promise<number> => {
  const { letters } = await deadLetters.page();
  const [letter] = letters;
  if (!letter) throw new Error('there are no more dead letters');
  return letter.sequence;
};

function on<Prepared>(
  prepare: (on: Limited) => Promise<Prepared>,
  call: Call<Prepared>,
): LimitedCall & { readonly call: Call } {
  return { prepare, call: (limitedOn, limits, prepared) => call(limitedOn, limits, prepared as Prepared) };
}

const later = new Date(Date.now() + 60_000);
const file = (): string => join(tmpdir(), `limited-calls-${process.pid}`);

/** `maxWait` instead of `timeout`. */
const waiting = ({ timeout: maxWait, signal }: CallOptions) => ({ maxWait, signal });
/** `stallTimeout` instead of `timeout`. */
const stalling = ({ timeout: stallTimeout, signal }: CallOptions) => ({ stallTimeout, signal });

/** Every public call that asks the server, by class and method. */
export const CALLS: Readonly<Record<string, LimitedCall>> = {
  'JetStreamApi.call': { call: ({ jetstream }, limits) => jetstream.api.call('INFO', undefined, limits) },
  'JetStreamApi.pages': {
    call: ({ jetstream }, limits) => all(jetstream.api.pages('STREAM.NAMES', {}, () => [], limits)),
  },

  'JetStreamService.rtt': { call: ({ jetstream }, limits) => jetstream.rtt(limits) },
  'JetStreamService.accountInfo': { call: ({ jetstream }, limits) => jetstream.accountInfo(limits) },
  'JetStreamService.createStream': {
    call: ({ jetstream }, limits) => jetstream.createStream({ name: fresh(), storage: 'memory' }, limits),
  },
  'JetStreamService.updateStream': on(aStream, ({ jetstream }, limits, name) =>
    jetstream.updateStream({ name, storage: 'memory', description: 'x' }, limits),
  ),
  'JetStreamService.createOrUpdateStream': {
    call: ({ jetstream }, limits) =>
      jetstream.createOrUpdateStream({ name: fresh(), storage: 'memory' }, limits),
  },
  'JetStreamService.stream': { call: ({ jetstream }, limits) => jetstream.stream('S', limits) },
  'JetStreamService.deleteStream': on(aStream, ({ jetstream }, limits, name) =>
    jetstream.deleteStream(name, limits),
  ),
  'JetStreamService.listStreams': { call: ({ jetstream }, limits) => all(jetstream.listStreams(limits)) },
  'JetStreamService.streamNames': { call: ({ jetstream }, limits) => all(jetstream.streamNames(limits)) },
  'JetStreamService.streamNameBySubject': {
    call: ({ jetstream }, limits) => jetstream.streamNameBySubject('s.a', limits),
  },
  'JetStreamService.createConsumer': {
    call: ({ jetstream }, limits) => jetstream.createConsumer('S', { durable: fresh() }, limits),
  },
  'JetStreamService.updateConsumer': on(aConsumer, ({ jetstream }, limits, durable) =>
    jetstream.updateConsumer('S', { durable, description: 'x' }, limits),
  ),
  'JetStreamService.createOrUpdateConsumer': {
    call: ({ jetstream }, limits) => jetstream.createOrUpdateConsumer('S', { durable: fresh() }, limits),
  },
  'JetStreamService.consumer': { call: ({ jetstream }, limits) => jetstream.consumer('S', 'c', limits) },
  'JetStreamService.createPushConsumer': {
    call: ({ jetstream }, limits) =>
      jetstream.createPushConsumer('S', { durable: fresh(), deliverSubject: `deliver.${fresh()}` }, limits),
  },
  'JetStreamService.updatePushConsumer': on(aPushConsumer, ({ jetstream }, limits, durable) =>
    jetstream.updatePushConsumer('S', { durable, deliverSubject: `deliver.${durable}` }, limits),
  ),
  'JetStreamService.createOrUpdatePushConsumer': {
    call: ({ jetstream }, limits) =>
      jetstream.createOrUpdatePushConsumer(
        'S',
        { durable: fresh(), deliverSubject: `deliver.${fresh()}` },
        limits,
      ),
  },
  'JetStreamService.pushConsumer': {
    call: ({ jetstream }, limits) => jetstream.pushConsumer('S', 'p', limits),
  },
  'JetStreamService.orderedConsumer': {
    call: ({ jetstream }, limits) => jetstream.orderedConsumer('S', {}, limits),
  },
  'JetStreamService.deleteConsumer': on(aConsumer, ({ jetstream }, limits, name) =>
    jetstream.deleteConsumer('S', name, limits),
  ),
  'JetStreamService.pauseConsumer': on(aConsumer, ({ jetstream }, limits, name) =>
    jetstream.pauseConsumer('S', name, later, limits),
  ),
  'JetStreamService.resumeConsumer': on(aConsumer, ({ jetstream }, limits, name) =>
    jetstream.resumeConsumer('S', name, limits),
  ),
  'JetStreamService.unpinConsumer': on(aPinnedConsumer, ({ jetstream }, limits, name) =>
    jetstream.unpinConsumer('S', name, 'g', limits),
  ),
  'JetStreamService.resetConsumer': on(aConsumer, ({ jetstream }, limits, name) =>
    jetstream.resetConsumer('S', name, limits),
  ),
  'JetStreamService.listConsumers': {
    call: ({ jetstream }, limits) => all(jetstream.listConsumers('S', limits)),
  },
  'JetStreamService.consumerNames': {
    call: ({ jetstream }, limits) => all(jetstream.consumerNames('S', limits)),
  },
  'JetStreamService.publish': { call: ({ jetstream }, limits) => jetstream.publish('s.b', 1, limits) },
  'JetStreamService.publishMessage': {
    call: ({ jetstream }, limits) => jetstream.publishMessage({ subject: 's.b' }, limits),
  },
  'JetStreamService.publishAsync': {
    call: ({ jetstream }, limits) => jetstream.publishAsync('s.b', 1, limits).ack,
  },
  'JetStreamService.publishMessageAsync': {
    call: ({ jetstream }, limits) => jetstream.publishMessageAsync({ subject: 's.b' }, limits).ack,
  },
  'MessagePublisher.publish': {
    call: ({ placed }, limits) => placed.publish({ id: 'b' }, 1, limits),
  },
  'MessagePublisher.publishAsync': {
    call: ({ placed }, limits) => placed.publishAsync({ id: 'b' }, 1, limits).ack,
  },
  'MessagePublisher.schedule': {
    call: ({ placed }, limits) =>
      placed.schedule({ id: 'b' }, 1, { subject: 's.schedule', at: later }, limits),
  },
  'JetStreamService.publishBatch': {
    call: ({ jetstream }, limits) => jetstream.publishBatch([{ subject: 's.b' }, { subject: 's.b' }], limits),
  },
  'JetStreamService.ingest': {
    call: ({ jetstream }, limits) => jetstream.ingest([{ subject: 's.b' }, { subject: 's.b' }], limits),
    reports: true,
  },
  'JetStreamService.increment': {
    call: ({ jetstream }, limits) => jetstream.increment('count.a', 1, limits),
  },
  'JetStreamService.counter': { call: ({ jetstream }, limits) => jetstream.counter('count.a', limits) },

  'Stream.info': { call: ({ stream }, limits) => stream.info({ ...limits, subjectFilter: '>' }) },
  'Stream.purge': { call: ({ stream }, limits) => stream.purge({ ...limits, subject: 's.none' }) },
  'Stream.getMessage': { call: ({ stream }, limits) => stream.getMessage(1, limits) },
  'Stream.getLastMessage': { call: ({ stream }, limits) => stream.getLastMessage('s.a', limits) },
  'Stream.getMessages': {
    call: ({ stream }, limits) => all(stream.getMessages({ ...limits, startSequence: 1, batch: 5 })),
  },
  'Stream.getLastMessages': { call: ({ stream }, limits) => all(stream.getLastMessages(['s.a'], limits)) },
  'Stream.deleteMessage': on(aMessage, ({ stream }, limits, sequence) =>
    stream.deleteMessage(sequence, limits),
  ),
  'Stream.secureDeleteMessage': on(aMessage, ({ stream }, limits, sequence) =>
    stream.secureDeleteMessage(sequence, limits),
  ),
  'Stream.createConsumer': {
    call: ({ stream }, limits) => stream.createConsumer({ durable: fresh() }, limits),
  },
  'Stream.updateConsumer': on(aConsumer, ({ stream }, limits, durable) =>
    stream.updateConsumer({ durable, description: 'x' }, limits),
  ),
  'Stream.createOrUpdateConsumer': {
    call: ({ stream }, limits) => stream.createOrUpdateConsumer({ durable: fresh() }, limits),
  },
  'Stream.consumer': { call: ({ stream }, limits) => stream.consumer('c', limits) },
  'Stream.createPushConsumer': {
    call: ({ stream }, limits) =>
      stream.createPushConsumer({ durable: fresh(), deliverSubject: `deliver.${fresh()}` }, limits),
  },
  'Stream.updatePushConsumer': on(aPushConsumer, ({ stream }, limits, durable) =>
    stream.updatePushConsumer({ durable, deliverSubject: `deliver.${durable}` }, limits),
  ),
  'Stream.createOrUpdatePushConsumer': {
    call: ({ stream }, limits) =>
      stream.createOrUpdatePushConsumer({ durable: fresh(), deliverSubject: `deliver.${fresh()}` }, limits),
  },
  'Stream.pushConsumer': { call: ({ stream }, limits) => stream.pushConsumer('p', limits) },
  'Stream.orderedConsumer': { call: ({ stream }, limits) => stream.orderedConsumer({}, limits) },
  'Stream.deleteConsumer': on(aConsumer, ({ stream }, limits, name) => stream.deleteConsumer(name, limits)),
  'Stream.pauseConsumer': on(aConsumer, ({ stream }, limits, name) =>
    stream.pauseConsumer(name, later, limits),
  ),
  'Stream.resumeConsumer': on(aConsumer, ({ stream }, limits, name) => stream.resumeConsumer(name, limits)),
  'Stream.unpinConsumer': on(aPinnedConsumer, ({ stream }, limits, name) =>
    stream.unpinConsumer(name, 'g', limits),
  ),
  'Stream.resetConsumer': on(aConsumer, ({ stream }, limits, name) => stream.resetConsumer(name, limits)),
  'Stream.listConsumers': { call: ({ stream }, limits) => all(stream.listConsumers(limits)) },
  'Stream.consumerNames': { call: ({ stream }, limits) => all(stream.consumerNames(limits)) },

  'Consumer.info': { call: ({ consumer }, limits) => consumer.info(limits) },
  'Consumer.fetch': {
    call: ({ consumer }, limits) => whole(consumer.fetch(1, waiting(limits))),
    limit: 'maxWait',
  },
  'Consumer.fetchBytes': {
    call: ({ consumer }, limits) => whole(consumer.fetchBytes(5_000, waiting(limits))),
    limit: 'maxWait',
  },
  'Consumer.fetchNoWait': { call: ({ consumer }, limits) => whole(consumer.fetchNoWait(1, limits)) },
  'Consumer.next': { call: ({ consumer }, limits) => consumer.next(waiting(limits)), limit: 'maxWait' },
  'PushConsumer.info': { call: ({ push }, limits) => push.info(limits) },
  'OrderedConsumer.info': { call: ({ ordered }, limits) => ordered.info(limits) },
  'OrderedConsumer.fetch': {
    ...on(
      ({ stream }) => stream.orderedConsumer(),
      (_, limits, ordered) => whole(ordered.fetch(1, waiting(limits))),
    ),
    limit: 'maxWait',
  },
  'OrderedConsumer.fetchBytes': {
    ...on(
      ({ stream }) => stream.orderedConsumer(),
      (_, limits, ordered) => whole(ordered.fetchBytes(5_000, waiting(limits))),
    ),
    limit: 'maxWait',
  },
  'OrderedConsumer.fetchNoWait': on(
    ({ stream }) => stream.orderedConsumer(),
    (_, limits, ordered) => whole(ordered.fetchNoWait(1, limits)),
  ),
  'OrderedConsumer.next': {
    ...on(
      // A later request replaces the consumer first.
      async ({ stream }) => {
        const ordered = await stream.orderedConsumer();
        await ordered.next();
        return ordered;
      },
      (_, limits, ordered) => ordered.next(waiting(limits)),
    ),
    limit: 'maxWait',
  },
  'JetStreamMessage.doubleAck': on(
    ({ messages }) => messages(),
    (_, limits, message) => message.doubleAck(limits),
  ),

  'KeyValueService.create': {
    call: ({ buckets }, limits) => buckets.create({ bucket: fresh(), storage: 'memory' }, limits),
  },
  'KeyValueService.update': on(aBucket, ({ buckets }, limits, bucket) =>
    buckets.update({ bucket, storage: 'memory', description: 'x' }, limits),
  ),
  'KeyValueService.createOrUpdate': {
    call: ({ buckets }, limits) => buckets.createOrUpdate({ bucket: fresh(), storage: 'memory' }, limits),
  },
  'KeyValueService.open': { call: ({ buckets }, limits) => buckets.open('B', limits) },
  'KeyValueService.delete': on(aBucket, ({ buckets }, limits, bucket) => buckets.delete(bucket, limits)),
  'KeyValueService.names': { call: ({ buckets }, limits) => all(buckets.names(limits)) },
  'KeyValueService.list': { call: ({ buckets }, limits) => all(buckets.list(limits)) },

  'KeyValue.get': { call: ({ keyValue }, limits) => keyValue.get('k', limits) },
  'KeyValue.getOrThrow': { call: ({ keyValue }, limits) => keyValue.getOrThrow('k', limits) },
  'KeyValue.put': { call: ({ keyValue }, limits) => keyValue.put(fresh(), 1, limits) },
  'KeyValue.create': { call: ({ keyValue }, limits) => keyValue.create(fresh(), 1, limits) },
  'KeyValue.update': on(aKey, ({ keyValue }, limits, { key, revision }) =>
    keyValue.update(key, 2, revision, limits),
  ),
  'KeyValue.delete': on(aKey, ({ keyValue }, limits, { key }) => keyValue.delete(key, limits)),
  'KeyValue.purge': on(aKey, ({ keyValue }, limits, { key }) => keyValue.purge(key, limits)),
  'KeyValue.watch': { call: async ({ keyValue }, limits) => (await keyValue.watch([], limits)).stop() },
  'KeyValue.cached': { call: async ({ keyValue }, limits) => (await keyValue.cached([], limits)).stop() },
  'KeyValue.modify': { call: ({ keyValue }, limits) => keyValue.modify(fresh(), () => 1, limits) },
  'KeyValue.lock': {
    call: async ({ keyValue }, { timeout: wait, signal }) =>
      (await keyValue.lock(fresh(), { wait, signal })).release(),
    limit: 'wait',
    // Even one attempt reads the state of the lock.
    silence: PATIENCE,
  },
  'KeyValue.keys': { call: ({ keyValue }, limits) => all(keyValue.keys([], limits)) },
  'KeyValue.history': { call: ({ keyValue }, limits) => keyValue.history('k', limits) },
  'KeyValue.purgeDeletes': { call: ({ keyValue }, limits) => keyValue.purgeDeletes(limits) },
  'KeyValue.status': { call: ({ keyValue }, limits) => keyValue.status(limits) },
  'CachedKeyValue.waitForRevision': on(
    async ({ keyValue }) => {
      const cached = await keyValue.cached();
      // The next revision is written soon, but before the server hangs.
      const timer = setTimeout(() => void keyValue.put('awaited', 1).catch(() => undefined), 100);
      const stop = (): Promise<void> => {
        clearTimeout(timer);
        return cached.stop();
      };
      return { cached, [Symbol.asyncDispose]: stop };
    },
    (_, limits, { cached }) => cached.waitForRevision(cached.revision + 1, limits),
  ),
  'LeaderElection.leader': { call: ({ election }, limits) => election.leader(limits) },

  'ObjectStoreService.create': {
    call: ({ stores }, limits) => stores.create({ bucket: fresh(), storage: 'memory' }, limits),
  },
  'ObjectStoreService.update': on(aStore, ({ stores }, limits, bucket) =>
    stores.update({ bucket, storage: 'memory', description: 'x' }, limits),
  ),
  'ObjectStoreService.createOrUpdate': {
    call: ({ stores }, limits) => stores.createOrUpdate({ bucket: fresh(), storage: 'memory' }, limits),
  },
  'ObjectStoreService.open': { call: ({ stores }, limits) => stores.open('B', limits) },
  'ObjectStoreService.delete': on(aStore, ({ stores }, limits, bucket) => stores.delete(bucket, limits)),
  'ObjectStoreService.names': { call: ({ stores }, limits) => all(stores.names(limits)) },
  'ObjectStoreService.list': { call: ({ stores }, limits) => all(stores.list(limits)) },

  'ObjectStore.put': {
    call: ({ objects }, limits) => objects.put(fresh(), Readable.from(['x']), stalling(limits)),
    limit: 'stallTimeout',
    cleaning: SILENCE,
  },
  'ObjectStore.putBytes': {
    call: ({ objects }, limits) => objects.putBytes(fresh(), new Uint8Array(1), stalling(limits)),
    limit: 'stallTimeout',
    cleaning: SILENCE,
  },
  'ObjectStore.putString': {
    call: ({ objects }, limits) => objects.putString(fresh(), 'x', stalling(limits)),
    limit: 'stallTimeout',
    cleaning: SILENCE,
  },
  'ObjectStore.putFile': {
    call: ({ objects }, limits) =>
      objects.putFile(new URL(import.meta.url).pathname, { name: fresh() }, stalling(limits)),
    limit: 'stallTimeout',
    cleaning: SILENCE,
  },
  'ObjectStore.get': {
    call: async ({ objects }, limits) => all(await objects.get('o', stalling(limits))),
    limit: 'stallTimeout',
  },
  'ObjectStore.getBytes': {
    call: ({ objects }, limits) => objects.getBytes('o', stalling(limits)),
    limit: 'stallTimeout',
  },
  'ObjectStore.getString': {
    call: ({ objects }, limits) => objects.getString('o', stalling(limits)),
    limit: 'stallTimeout',
  },
  'ObjectStore.getFile': {
    call: ({ objects }, limits) => objects.getFile('o', file(), stalling(limits)),
    limit: 'stallTimeout',
  },
  'ObjectStore.info': { call: ({ objects }, limits) => objects.info('o', limits) },
  'ObjectStore.updateMeta': on(anObject, ({ objects }, limits, name) =>
    objects.updateMeta(name, { description: 'x' }, limits),
  ),
  'ObjectStore.delete': on(anObject, ({ objects }, limits, name) => objects.delete(name, limits)),
  'ObjectStore.list': { call: ({ objects }, limits) => all(objects.list(limits)) },
  'ObjectStore.watch': { call: async ({ objects }, limits) => (await objects.watch(limits)).stop() },
  'ObjectStore.status': { call: ({ objects }, limits) => objects.status(limits) },
  'ObjectStore.seal': on(
    async ({ stores }) => stores.create({ bucket: fresh(), storage: 'memory' }),
    (_, limits, objects) => objects.seal(limits),
  ),
  'ObjectStore.addLink': { call: ({ objects, info }, limits) => objects.addLink(fresh(), info, limits) },
  'ObjectStore.addBucketLink': {
    call: ({ objects }, limits) => objects.addBucketLink(fresh(), objects, limits),
  },

  'DeadLetters.list': { call: ({ deadLetters }, limits) => all(deadLetters.list({}, limits)) },
  'DeadLetters.page': { call: ({ deadLetters }, limits) => deadLetters.page({}, limits) },
  'DeadLetters.get': on(aLetter, ({ deadLetters }, limits, sequence) => deadLetters.get(sequence, limits)),
  'DeadLetters.replay': on(aLetter, ({ deadLetters }, limits, sequence) =>
    deadLetters.replay(sequence, limits),
  ),
  'DeadLetters.replayEdited': on(aLetter, ({ deadLetters }, limits, sequence) =>
    deadLetters.replayEdited(sequence, { data: new Uint8Array(1) }, limits),
  ),
  'DeadLetters.replayAll': {
    call: ({ deadLetters }, limits) => deadLetters.replayAll({ handler: 'none' }, limits),
  },
  'DeadLetters.drop': on(aLetter, ({ deadLetters }, limits, sequence) => deadLetters.drop(sequence, limits)),
  'DeadLetters.dropAll': {
    call: ({ deadLetters }, limits) => deadLetters.dropAll({ handler: 'none' }, limits),
  },

  'Schedules.list': { call: ({ schedules }, limits) => schedules.list(limits) },
  'Schedules.get': { call: ({ schedules }, limits) => schedules.get('nightly', limits) },
  'Schedules.pause': { call: ({ schedules }, limits) => schedules.pause('nightly', limits) },
  'Schedules.resume': { call: ({ schedules }, limits) => schedules.resume('nightly', limits) },
  'Schedules.runNow': { call: ({ schedules }, limits) => schedules.runNow('nightly', undefined, limits) },
  'Schedules.at': { call: ({ schedules }, limits) => schedules.at('nightly', LATER, undefined, limits) },
  'Schedules.cancel': { call: ({ schedules }, limits) => schedules.cancel('nightly', 'none', limits) },
  'JetStreamInstances.list': {
    call: ({ instances }, limits) => instances.list({ name: 'none', ...limits }),
  },
  'JetStreamInstances.listAll': { call: ({ instances }, limits) => instances.listAll(limits) },
  'JetStreamInstances.pause': {
    call: ({ instances }, limits) => instances.pause('A.b', { name: 'peer', id: 'PEER', ...limits }),
  },
  'JetStreamInstances.resume': {
    call: ({ instances }, limits) => instances.resume('A.b', { name: 'peer', id: 'PEER', ...limits }),
  },
  'JetStreamInstances.stop': {
    call: ({ instances }, limits) => instances.stop('A.b', { name: 'peer', ...limits }),
  },
  'JetStreamInstances.start': {
    call: ({ instances }, limits) => instances.start('A.b', { name: 'peer', ...limits }),
  },
};

/** Public methods without these options, and why; `Class.*` for all methods of a class. */
export const EXCEPTIONS: Readonly<Record<string, string>> = {
  'AckInterceptor.*': 'called by Nest',
  'BoundHandler.stop': 'controls a handler of this process, within the limits of its consumer',
  'CachedKeyValue.get': 'reads the copy',
  'CachedKeyValue.has': 'reads the copy',
  'CachedKeyValue.keys': 'reads the copy',
  'CachedKeyValue.stop': 'does not wait for the server',
  'CachedKeyValue.values': 'reads the copy',
  'Consumer.consume': 'runs until it is stopped',
  'Consumer.messages': 'runs until it is stopped; its `next` has limits',
  'DeadLetter.*': 'reads what was received',
  'DeadLetterContext.ack': 'does not wait for the server',
  'DeadLetterContext.doubleAck': 'passes its options to the message',
  'DeadLetterContext.inProgress': 'does not wait for the server',
  'DeadLetterContext.nak': 'does not wait for the server',
  'DeadLetterContext.term': 'does not wait for the server',
  'Handlers.*': 'controls handlers of this process, within the limits of their consumers',
  'JetStreamConnection.drain': 'has a time limit as its parameter; it ends the connection anyway',
  'JetStreamConnection.listen': 'sends nothing',
  'JetStreamConnection.require': 'sends nothing',
  'JetStreamConnection.supports': 'sends nothing',
  'JetStreamConnections.*': 'sends nothing',
  'JetStreamContext.ack': 'does not wait for the server',
  'JetStreamContext.doubleAck': 'passes its options to the message',
  'JetStreamContext.inProgress': 'does not wait for the server',
  'JetStreamContext.nak': 'does not wait for the server',
  'JetStreamContext.term': 'does not wait for the server',
  'JetStreamInstruments.register': 'sends nothing',
  'JetStreamMessage.ack': 'does not wait for the server',
  'JetStreamMessage.inProgress': 'does not wait for the server',
  'JetStreamMessage.json': 'reads what was received',
  'JetStreamMessage.nak': 'does not wait for the server',
  'JetStreamMessage.term': 'does not wait for the server',
  'JetStreamMessage.text': 'reads what was received',
  'JetStreamService.closePublishing': 'has a time limit as its parameter; it ends publishing anyway',
  'JetStreamService.publishAsyncComplete': 'waits for messages that have limits of their own',
  'JetStreamService.publishAsyncReady': 'waits for messages that have limits of their own',
  'KeyLock.release': 'never rejects, and is limited by the time to live of the lock',
  'KeyValue.elect': 'contends in the background until it is stopped',
  'KeyValueWatch.*': 'reads what the watch delivers until it is stopped',
  'LeaderElection.stop': 'never rejects, and is limited by the timeout of the connection',
  'MessageBatch.first': 'waits for a request that has limits of its own',
  'MessageContract.*': 'sends nothing',
  'MessagePipe.*': 'called by Nest',
  'MessageSettlement.*': 'called by interceptors, does not wait for the server',
  'Messages.drain': 'does not wait for the server',
  'Messages.next': 'has maxWait and signal; the consumer and not the call sends requests',
  'Messages.stop': 'does not wait for the server',
  'NatsSubscribeContext.respond': 'does not wait for the server',
  'ObjectReadable.*': 'a stream, with the limits of the call that returned it',
  'ObjectStoreWatch.*': 'reads what the watch delivers until it is stopped',
  'OrderedConsumer.consume': 'runs until it is stopped',
  'OrderedConsumer.messages': 'runs until it is stopped; its `next` has limits',
  'PushConsumer.consume': 'runs until it is stopped',
  'RetryMessage.*': 'an error',
  'RetryPolicy.*': 'sends nothing',
  'ScheduleContext.ack': 'does not wait for the server',
  'ScheduleContext.doubleAck': 'passes its options to the message',
  'ScheduleContext.inProgress': 'does not wait for the server',
  'ScheduleContext.nak': 'does not wait for the server',
  'ScheduleContext.term': 'does not wait for the server',
  'StoredMessage.*': 'reads what was received',
  'TerminateMessage.*': 'an error',
};
