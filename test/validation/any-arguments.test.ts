import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import {
  type Consumer,
  type ConsumerConfig,
  DeadLetters,
  defineMessage,
  getPublisherToken,
  Handlers,
  JetStreamContext,
  JetStreamError,
  JetStreamInstances,
  JetStreamMessage,
  JetStreamService,
  JsConsumer,
  JsSchedule,
  KeyValueService,
  ObjectStoreService,
  Schedules,
  onMessage,
  type KeyValue,
  type MessagePublisher,
  type ObjectStore,
  type OrderedConsumer,
  type PushConsumer,
  type Stream,
} from 'nestjs-nats-jetstream';
import { JetStreamClient } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { firstValueFrom, isObservable, take as takeOne, timeout } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

/** Values that untyped callers may pass as any argument. */
const VALUES: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  '5': 5,
  NaN: NaN,
  "'x'": 'x',
  '{}': {},
  '[]': [],
  'Symbol()': Symbol('any'),
  'a function': () => 1,
  '5n': 5n,
  'an object without a prototype': Object.create(null),
  'an object that cannot be printed': {
    toString: () => {
      throw new TypeError('toString');
    },
  },
  'a revoked proxy': revoked(),
  'an object that throws when it is read': new Proxy(
    {},
    {
      get: () => {
        throw new TypeError('get');
      },
      ownKeys: () => {
        throw new TypeError('ownKeys');
      },
      getPrototypeOf: () => {
        throw new TypeError('getPrototypeOf');
      },
    },
  ),
  'bytes whose memory is detached': detached(),
};

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function detached(): Uint8Array {
  const bytes = new Uint8Array(8);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

/** Valid arguments of every public method. Each is replaced by invalid values; methods without any are not called. */
type Calls<T> = {
  readonly [
    Method in keyof T as T[Method] extends (...args: never[]) => unknown ? Method : never
  ]: readonly unknown[];
};

/** How long a call may take that does not have to wait, in milliseconds. */
const LONGEST = 8_000;

const subject = 'test.a';
const owner = { onEntry: () => undefined, onError: () => undefined };
const soon = (): Date => new Date(Date.now() + 100_000);
const config = { durable: 'other', filterSubject: subject } satisfies ConsumerConfig;
const push = { durable: 'pushed', deliverSubject: 'to.here', filterSubject: subject };

const placed = defineMessage({ subject: 'test.:id' });

const JETSTREAM: Calls<JetStreamService> = {
  accountInfo: [],
  createStream: [{ name: 'NEW', subjects: ['new.>'] }],
  updateStream: [{ name: 'NEW', subjects: ['new.>'] }],
  createOrUpdateStream: [{ name: 'NEW', subjects: ['new.>'] }],
  stream: ['TEST'],
  deleteStream: ['GONE'],
  listStreams: [{}],
  streamNames: [{}],
  streamNameBySubject: [subject],
  createConsumer: ['TEST', config],
  updateConsumer: ['TEST', config],
  createOrUpdateConsumer: ['TEST', config],
  consumer: ['TEST', 'worker'],
  createPushConsumer: ['TEST', push],
  updatePushConsumer: ['TEST', push],
  createOrUpdatePushConsumer: ['TEST', push],
  pushConsumer: ['TEST', 'push'],
  orderedConsumer: ['TEST', {}],
  deleteConsumer: ['TEST', 'gone'],
  pauseConsumer: ['TEST', 'worker', soon()],
  resumeConsumer: ['TEST', 'worker'],
  unpinConsumer: ['TEST', 'worker', 'group'],
  resetConsumer: ['TEST', 'worker', {}],
  listConsumers: ['TEST'],
  consumerNames: ['TEST'],
  publish: [subject, 'data', {}],
  publishMessage: [{ subject }, {}],
  publishAsync: [subject, 'data', {}],
  publishMessageAsync: [{ subject }, {}],
  publishWhenOpen: [{ subject }, {}],
  publishAsyncReady: [],
  publishAsyncComplete: [],
  publishBatch: [[{ subject: 'batch.a' }], {}],
  ingest: [[{ subject: 'batch.a' }], {}],
  increment: ['counter.a', 1, {}],
  counter: ['counter.a'],
  closePublishing: [],
  starting: [],
  rtt: [],
  publishUnchanged: [subject, '1', {}],
  sendToSubscribers: [{ subject }, {}],
};

const PUBLISHER: Calls<MessagePublisher<typeof placed>> = {
  publish: [{ id: 'a' }, 1, {}],
  publishAsync: [{ id: 'a' }, 1, {}],
  schedule: [{ id: 'a' }, 1, { subject: 'test.schedule', at: soon() }, {}],
  publishTo: [subject, 1, {}],
  prepare: [{ id: 'a' }, 1],
};

const CONTRACT: Pick<Calls<typeof placed>, 'subject' | 'parse'> = {
  subject: [{ id: 'a' }],
  parse: [subject],
};

const DEFINING = { defineMessage: [{ subject: 'test.:id' }], onMessage: [placed, () => undefined, {}] };

const STREAM: Calls<Stream> = {
  info: [{}],
  purge: [{ subject: 'test.none' }],
  getMessage: [1, {}],
  getLastMessage: [subject],
  getMessages: [{ startSequence: 1, batch: 2 }],
  getLastMessages: [[subject], {}],
  deleteMessage: [1_000_000],
  secureDeleteMessage: [1_000_000],
  createConsumer: [config],
  updateConsumer: [config],
  createOrUpdateConsumer: [config],
  consumer: ['worker'],
  createPushConsumer: [push],
  updatePushConsumer: [push],
  createOrUpdatePushConsumer: [push],
  pushConsumer: ['push'],
  orderedConsumer: [{}],
  deleteConsumer: ['gone'],
  pauseConsumer: ['worker', soon()],
  resumeConsumer: ['worker'],
  unpinConsumer: ['worker', 'group'],
  resetConsumer: ['worker', {}],
  listConsumers: [],
  consumerNames: [],
};

const CONSUMER: Calls<Consumer> = {
  info: [],
  consume: [() => undefined, {}],
  messages: [{}],
  fetch: [1, { maxWait: 1_000 }],
  fetchBytes: [1_000, { maxWait: 1_000 }],
  fetchNoWait: [1, {}],
  next: [{ maxWait: 1_000 }],
};
const ORDERED: Calls<OrderedConsumer> = { ...CONSUMER, fetchNoWait: [1] };
const PUSHED: Calls<PushConsumer> = { info: [], consume: [() => undefined, {}] };

const KEY_VALUES: Calls<KeyValueService> = {
  create: [{ bucket: 'NEW' }, {}],
  update: [{ bucket: 'NEW' }, {}],
  createOrUpdate: [{ bucket: 'NEW' }, {}],
  open: ['TEST', {}],
  delete: ['GONE'],
  names: [],
  list: [],
  releaseLeases: [],
  declareCodec: [],
  declared: [{ bucket: 'NEW' }],
};

const KEY_VALUE: Calls<KeyValue> = {
  get: ['key', {}],
  getOrThrow: ['key', {}],
  put: ['key', 1],
  create: ['created', 1, {}],
  update: ['key', 1, 1],
  delete: ['key', {}],
  purge: ['key', {}],
  watch: ['key', {}],
  follow: ['key', {}, owner],
  cached: ['key'],
  modify: ['key', () => 1, {}],
  lock: ['locked', { ttl: 1_000, wait: 100 }],
  elect: ['elected', { ttl: 1_000 }],
  keys: ['key'],
  history: ['key'],
  purgeDeletes: [{}],
  status: [],
};

const OBJECT_STORES: Calls<ObjectStoreService> = {
  create: [{ bucket: 'NEW' }],
  update: [{ bucket: 'NEW' }],
  createOrUpdate: [{ bucket: 'NEW' }],
  open: ['TEST'],
  delete: ['GONE'],
  close: [],
  names: [],
  list: [],
  declared: [{ bucket: 'NEW' }],
};

const OBJECT_STORE: Calls<ObjectStore> = {
  put: ['object', source(), {}],
  putBytes: ['object', new Uint8Array(3), {}],
  putString: ['object', 'text', {}],
  putFile: ['/nowhere/at/all', {}, {}],
  get: ['kept', {}],
  getBytes: ['kept', {}],
  getString: ['kept', {}],
  getFile: ['kept', '/nowhere/at/all', {}],
  info: ['kept', {}],
  updateMeta: ['kept', {}],
  delete: ['gone'],
  deleteVersion: [],
  list: [{}],
  watch: [{}],
  follow: [{}, {}],
  status: [],
  seal: [],
  addLink: ['link', { bucket: 'TEST', name: 'kept' }],
  addBucketLink: ['bucket', { bucket: 'TEST' }],
};

const LETTERS: Calls<DeadLetters> = {
  list: [{}],
  page: [{}, {}],
  get: [1],
  replay: [1, {}],
  replayEdited: [1, { data: new Uint8Array(1) }],
  replayAll: [{ stream: 'NONE' }, {}],
  drop: [1],
  dropAll: [{ stream: 'NONE' }],
};

const INSTANCES: Calls<JetStreamInstances> = {
  list: [{ name: 'none' }],
  listAll: [{}],
  pause: ['None.none', { name: 'none' }],
  resume: ['None.none', { name: 'none' }],
  stop: ['None.none', { name: 'none', id: 'NONE' }],
  start: ['None.none', { name: 'none', id: 'NONE' }],
};

const HANDLERS: Calls<Handlers> = {
  list: [],
  get: ['Tests.onTest'],
  pause: ['None.none'],
  resume: ['None.none'],
  stop: ['None.none'],
  start: ['None.none'],
  idle: ['None.none'],
  bind: [{}, 'none', { subscribe: { subject: 'none' } }],
  startAll: [],
  stopAll: [],
  add: [],
  remove: [],
  requireRunning: [],
  summarize: [],
  open: [],
  close: [],
};

const SCHEDULES: Omit<Calls<Schedules>, 'use'> = {
  list: [],
  get: ['Tests.yearly'],
  pause: ['Tests.yearly'],
  resume: ['Tests.yearly'],
  runNow: ['Tests.yearly', {}],
  at: ['Tests.yearly', new Date(), {}],
  cancel: ['Tests.yearly', 'none'],
};

const CLIENT: Pick<Calls<JetStreamClient>, 'send' | 'emit'> = {
  send: ['pattern', {}],
  emit: [subject, {}],
};

const MESSAGE = {
  ack: [],
  doubleAck: [{}],
  nak: [0],
  inProgress: [],
  term: ['reason'],
} satisfies Pick<Calls<JetStreamMessage>, 'ack' | 'doubleAck' | 'nak' | 'inProgress' | 'term'>;

async function* source(): AsyncGenerator<string> {
  yield 'text';
}

/** Consumes the result of a call like a caller, and ends it. */
async function take(result: unknown): Promise<void> {
  const given: unknown = isObservable(result)
    ? await firstValueFrom(result.pipe(takeOne(1), timeout(LONGEST)), { defaultValue: undefined })
    : await result;
  if (typeof given !== 'object' || given === null) return;
  const thing = given as Partial<
    AsyncIterable<unknown> & { stop(): unknown; release(): unknown; ack: unknown }
  >;
  if (thing instanceof JetStreamMessage) return;
  if (thing.ack instanceof Promise) await thing.ack;
  if (typeof thing.stop === 'function') await thing.stop();
  else if (typeof thing.release === 'function') await thing.release();
  else if (typeof thing[Symbol.asyncIterator] === 'function') {
    for await (const _ of given as AsyncIterable<unknown>) break;
  }
}

describe('a public method', () => {
  let server: NatsTestServer;
  let application: TestApplication;
  let client: JetStreamClient;
  const things: Record<string, () => object | Promise<object>> = {};
  const delivered: JetStreamContext[] = [];

  beforeAll(async () => {
    server = await NatsTestServer.start();
    // Paths are arguments too.
    process.chdir(await mkdtemp(join(tmpdir(), 'any-arguments-')));
    @Injectable()
    class Tests {
      @JsConsumer({
        stream: 'TEST',
        durable: 'handler',
        ackMode: 'manual',
        filterSubjects: 'test.handled',
        concurrency: 100,
      })
      onTest(@Ctx() context: JetStreamContext): void {
        delivered.push(context);
      }

      @JsSchedule('@yearly')
      yearly(): void {}
    }
    application = await startApplication(server.url, {
      providers: [Tests],
      options: { jetstream: { timeout: 2_000 } },
      feature: {
        streams: [
          { name: 'TEST', subjects: ['test.>'], allowDirect: true },
          { name: 'PURGED', subjects: ['purged.>'], allowDirect: true },
          { name: 'DEAD_LETTERS', subjects: ['dead-letters.>'], allowDirect: true },
          { name: 'BATCH', subjects: ['batch.>'], allowAtomicPublish: true, allowBatchPublish: true },
          { name: 'COUNTER', subjects: ['counter.>'], allowMessageCounter: true },
        ],
        keyValues: [{ bucket: 'TEST' }],
        objectStores: [{ bucket: 'TEST' }],
        messages: [placed],
      },
    });
    const { app } = application;
    const jetstream = app.get(JetStreamService);
    const stream = await jetstream.stream('TEST');
    const kv = await app.get(KeyValueService).open('TEST');
    const store = await app.get(ObjectStoreService).open('TEST');
    await store.putString('kept', 'text');
    await stream.createPushConsumer({ durable: 'push', deliverSubject: 'to.there' });
    await stream.createConsumer({ durable: 'worker' });
    await (await jetstream.stream('PURGED')).createConsumer({ durable: 'worker' });
    for (let i = 0; i < 400; i++) await jetstream.publish(subject, '1');
    client = new JetStreamClient({ connection: { servers: server.url }, timeout: 2_000 });
    await client.connect();
    Object.assign(things, {
      JetStreamService: () => jetstream,
      MessagePublisher: () => app.get<object>(getPublisherToken(placed)),
      MessageContract: () => placed,
      functions: () => ({ defineMessage, onMessage }),
      Stream: () => jetstream.stream('PURGED'),
      Consumer: () => stream.createConsumer({ ackPolicy: 'none', filterSubject: subject }),
      OrderedConsumer: () => stream.orderedConsumer(),
      PushConsumer: () => stream.pushConsumer('push'),
      KeyValueService: () => app.get(KeyValueService),
      KeyValue: () => kv,
      ObjectStoreService: () => app.get(ObjectStoreService),
      ObjectStore: () => store,
      DeadLetters: () => app.get(DeadLetters),
      JetStreamInstances: () => app.get(JetStreamInstances),
      Handlers: () => app.get(Handlers),
      Schedules: () => app.get(Schedules),
      JetStreamClient: () => client,
    });
  });
  afterAll(async () => {
    await client.close();
    await application[Symbol.asyncDispose]();
    await server.stop();
  });

  const tables: Readonly<Record<string, object>> = {
    JetStreamService: JETSTREAM,
    MessagePublisher: PUBLISHER,
    MessageContract: CONTRACT,
    functions: DEFINING,
    Stream: STREAM,
    Consumer: CONSUMER,
    OrderedConsumer: ORDERED,
    PushConsumer: PUSHED,
    KeyValueService: KEY_VALUES,
    KeyValue: KEY_VALUE,
    ObjectStoreService: OBJECT_STORES,
    ObjectStore: OBJECT_STORE,
    DeadLetters: LETTERS,
    JetStreamInstances: INSTANCES,
    Handlers: HANDLERS,
    Schedules: SCHEDULES,
    JetStreamClient: CLIENT,
  };
  const calls = Object.entries(tables).flatMap(([name, table]) =>
    Object.entries(table as Readonly<Record<string, readonly unknown[]>>).flatMap(([method, args]) =>
      args.map((_, place) => [name, method, place, args] as const),
    ),
  );

  it.concurrent.each(calls)(
    '%s.%s works or fails with an error of this library, for any argument %i',
    { timeout: 120_000 },
    async (name, method, place, args) => {
      const failures: string[] = [];
      for (const [value, given] of Object.entries(VALUES)) {
        const thing = (await things[name]()) as Record<string, (...args: unknown[]) => unknown>;
        const failure = await outcome(() => thing[method](...args.with(place, given)));
        if (!isExpected(failure)) failures.push(`${value}: ${describeFailure(failure)}`);
      }
      expect(failures).toEqual([]);
      expect(application.app.get(JetStreamService).connection.nc.isClosed()).toBe(false);
    },
  );

  describe('of a delivered message', () => {
    async function next(): Promise<JetStreamContext> {
      await application.app.get(JetStreamService).publish('test.handled', '1');
      await eventually(
        () => delivered.length,
        (length) => length > 0,
      );
      return delivered.pop() as JetStreamContext;
    }

    it.each(
      Object.entries(MESSAGE).flatMap(([method, args]) =>
        args.length === 0
          ? []
          : Object.entries(VALUES).map(([value, given]) => [method, value, given] as const),
      ),
    )('%s settles it or refuses its argument %s, and not both', async (method, _, given) => {
      for (const form of ['context', 'message'] as const) {
        const context = await next();
        const { message } = context;
        const target = (form === 'context' ? context : message) as unknown as Record<
          string,
          (given: unknown) => unknown
        >;
        const failure = await outcome(() => target[method](given));
        expect(isExpected(failure)).toBe(true);
        expect(message.settled).toBe(failure === undefined);
        if (!message.settled) message.ack();
      }
    });
  });
});

/** The error that a call throws or rejects with; a call that hangs fails too. */
async function outcome(call: () => unknown): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise((resolve) => (timer = setTimeout(() => resolve('it hangs'), LONGEST)));
  try {
    const taking = take(call()).then(
      () => undefined,
      (thrown: unknown) => thrown ?? 'nothing',
    );
    return await Promise.race([taking, tooLong]);
  } catch (thrown) {
    return thrown ?? 'nothing';
  } finally {
    clearTimeout(timer);
  }
}

/** An error of this library, of Nest for a pattern or data that is missing, or of the file system for a missing path. */
function isExpected(failure: unknown): boolean {
  return (
    failure === undefined ||
    failure instanceof JetStreamError ||
    (failure as object).constructor.name === 'InvalidMessageException' ||
    (failure as { code?: unknown }).code === 'ENOENT'
  );
}

function describeFailure(failure: unknown): string {
  return failure instanceof Error
    ? (failure.stack ?? failure.message).split('\n').slice(0, 4).join(' | ')
    : String(failure);
}
