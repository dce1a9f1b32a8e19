import { Controller, Injectable, type DynamicModule, type Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, type MicroserviceOptions } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import {
  DeadLetters,
  Handlers,
  InstanceNotFoundError,
  JetStreamInstances,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  JsSchedule,
  KeyExistsError,
  KeyValueService,
  KvWatch,
  LockNotObtainedError,
  NatsSubscribeContext,
  ObjectStoreService,
  ObjectWatch,
  OnDeadLetter,
  PublishTo,
  RevisionMismatchError,
  Schedules,
  NatsSubscribe,
  TerminateMessage,
  defineMessage,
  getPublisherToken,
  type JetStreamFeatureOptions,
  type JetStreamModuleOptions,
  type KeyValue,
  type MessagePublisher,
  type ObjectStore,
} from 'nestjs-nats-jetstream';
import { JetStreamAsyncApiModule } from 'nestjs-nats-jetstream/asyncapi';
import { type BoardOptions, JetStreamBoardModule } from 'nestjs-nats-jetstream/board';
import { JetStreamHealth, JetStreamHealthModule } from 'nestjs-nats-jetstream/health';
import { JetStreamMetricsModule } from 'nestjs-nats-jetstream/metrics';
import { JetStreamClient, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import type { NatsConnection, NodeConnectionOptions } from 'nestjs-nats-jetstream/nats';
import { JetStreamOtelModule } from 'nestjs-nats-jetstream/otel';
import { Registry } from 'prom-client';
import { firstValueFrom } from 'rxjs';
import { startApplication, type TestApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';

/** A user with all permissions, who prepares the resources of a feature. */
export interface Owner {
  readonly user: User;
  readonly nc: NatsConnection;
  readonly jetstream: JetStreamService;
  readonly keyValues: KeyValueService;
  readonly objects: ObjectStoreService;
}

/** The connection options of the user under test. */
export interface User extends Pick<NodeConnectionOptions, 'user' | 'pass'> {
  readonly servers: string;
}

/** One row of the permissions table in `docs/security.md`, by its first column. */
export interface Feature {
  /** Called before the user connects. */
  prepare?(owner: Owner): Promise<unknown>;
  /** Uses the feature as the user; throws or never ends if something is not permitted. */
  use(user: User, owner: Owner): Promise<unknown>;
}

/** Every feature of the table, with its names: stream ORDERS, consumer billing, buckets profiles and files. */
export const features: Readonly<Record<string, Feature>> = {
  connect: { use: (user) => inApplication(user, {}, () => Promise.resolve()) },

  'publish, publishAsync': {
    prepare: orders,
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const jetstream = app.get(JetStreamService);
        await jetstream.publish('orders.1.placed', { id: 1 }, { messageId: '1' });
        await jetstream.publish('orders.1.placed', { id: 1 }, { messageId: '1' });
        await jetstream.publishAsync('orders.2.placed', { id: 2 }).ack;
      }),
  },
  publishBatch: {
    prepare: orders,
    use: (user) =>
      inApplication(user, {}, ({ app }) =>
        app.get(JetStreamService).publishBatch([
          { subject: 'orders.1.placed', data: 1 },
          { subject: 'orders.2.placed', data: 2 },
        ]),
      ),
  },
  ingest: {
    prepare: orders,
    use: (user) =>
      inApplication(user, {}, ({ app }) =>
        app
          .get(JetStreamService)
          .ingest([1, 2, 3].map((id) => ({ subject: `orders.${id}.placed`, data: id }))),
      ),
  },
  'increment, counter': {
    prepare: ({ jetstream }) => jetstream.createStream({ ...ORDERS, allowMessageCounter: true }),
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const jetstream = app.get(JetStreamService);
        await jetstream.increment('orders.count', 2);
        await jetstream.counter('orders.count');
        await jetstream.counter('orders.none');
      }),
  },
  'increment, counter, without `allowDirect`': {
    prepare: ({ jetstream }) =>
      jetstream.createStream({ ...ORDERS, allowMessageCounter: true, allowDirect: false }),
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const jetstream = app.get(JetStreamService);
        await jetstream.increment('orders.count', 2);
        await jetstream.counter('orders.count');
        await jetstream.counter('orders.none');
      }),
  },
  "a declared stream (`provisioning: 'ensure'`)": {
    use: (user) => inApplication(user, { feature: { streams: [ORDERS] } }, () => Promise.resolve()),
  },
  'a declared stream that differs': {
    prepare: ({ jetstream }) => jetstream.createStream({ ...ORDERS, description: 'of another version' }),
    use: (user) => inApplication(user, { feature: { streams: [ORDERS] } }, () => Promise.resolve()),
  },
  "a declared stream with other subjects (`subjectPolicy: 'merge'`)": {
    prepare: ({ jetstream }) => jetstream.createStream({ ...ORDERS, subjects: ['others.>'] }),
    use: (user, { jetstream }) =>
      inApplication(user, { feature: { streams: [{ ...ORDERS, subjectPolicy: 'merge' }] } }, async () => {
        const { config } = (await jetstream.stream('ORDERS')).cachedInfo;
        if (config.subjects?.length !== 2)
          throw new Error(`the stream has the subjects ${config.subjects?.join()}`);
      }),
  },
  "a declared stream with its own `provisioning: 'off'`": {
    prepare: orders,
    use: (user) =>
      inApplication(
        user,
        { feature: { streams: [{ ...ORDERS, description: 'other', provisioning: 'off' }] } },
        () => Promise.resolve(),
      ),
  },
  "a declared stream (`'assert'`, `'off'`)": {
    prepare: orders,
    use: (user) =>
      inApplication(user, { options: { provisioning: 'assert' }, feature: { streams: [ORDERS] } }, () =>
        Promise.resolve(),
      ),
  },
  'streams and consumers, administered': {
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const jetstream = app.get(JetStreamService);
        await jetstream.accountInfo();
        const stream = await jetstream.createStream(ORDERS);
        await jetstream.updateStream({ ...ORDERS, description: 'all orders' });
        for await (const _ of jetstream.listStreams()) break;
        for await (const _ of jetstream.streamNames({ subject: 'orders.>' })) break;
        await jetstream.publish('orders.1.placed', 1);
        await stream.deleteMessage(1);
        await stream.purge({ subject: 'orders.*.placed' });
        await stream.purge();
        await jetstream.createConsumer('ORDERS', { durable: 'billing' });
        await jetstream.updateConsumer('ORDERS', { durable: 'billing', description: 'bills' });
        await jetstream.consumer('ORDERS', 'billing');
        for await (const _ of jetstream.listConsumers('ORDERS')) break;
        for await (const _ of jetstream.consumerNames('ORDERS')) break;
        await jetstream.pauseConsumer('ORDERS', 'billing', new Date(Date.now() + 60_000));
        await jetstream.resumeConsumer('ORDERS', 'billing');
        await jetstream.deleteConsumer('ORDERS', 'billing');
        await jetstream.deleteStream('ORDERS');
      }),
  },
  'reading messages of a stream': {
    prepare: async (owner) => {
      await orders(owner);
      await owner.jetstream.publish('orders.1.placed', 1);
    },
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const stream = await app.get(JetStreamService).stream('ORDERS');
        await stream.getMessage(1);
        await stream.getLastMessage('orders.1.placed');
        for await (const _ of stream.getMessages({ startSequence: 1, batch: 1 })) break;
        for await (const _ of stream.getLastMessages('orders.>')) break;
      }),
  },
  'reading messages of a stream without `allowDirect`': {
    prepare: async ({ jetstream }) => {
      await jetstream.createStream({ ...ORDERS, allowDirect: false });
      await jetstream.publish('orders.1.placed', 1);
    },
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const stream = await app.get(JetStreamService).stream('ORDERS');
        await stream.getMessage(1);
        await stream.getLastMessage('orders.1.placed');
      }),
  },
  'consuming without a handler (`consume`, `messages`, `fetch`, `next`)': {
    prepare: async (owner) => {
      await orders(owner);
      await owner.jetstream.createConsumer('ORDERS', { durable: 'billing' });
      for (let id = 1; id <= 4; id++) await owner.jetstream.publish(`orders.${id}.placed`, id);
    },
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const consumer = await app.get(JetStreamService).consumer('ORDERS', 'billing');
        await (await consumer.next())?.doubleAck();
        for await (const message of consumer.fetch(1)) await message.doubleAck();
        const messages = consumer.messages({ stopAfter: 2 });
        for await (const message of messages) await message.doubleAck();
      }),
  },
  '`@JsConsumer`, durable': handlerOf(() => {
    const handled: unknown[] = [];
    @Injectable()
    class Billing {
      @JsConsumer({ stream: 'ORDERS', durable: 'billing' })
      on(@Payload() id: number): void {
        handled.push(id);
      }
    }
    return { provider: Billing, handled };
  }),
  "`@JsConsumer`, consumer made by others (`provisioning: 'off'`)": handlerOf(
    () => {
      const handled: unknown[] = [];
      @Injectable()
      class Billing {
        @JsConsumer({ stream: 'ORDERS', durable: 'billing', deadLetter: false })
        on(@Payload() id: number): void {
          handled.push(id);
        }
      }
      return { provider: Billing, handled };
    },
    { options: { provisioning: 'off' } },
    ({ jetstream }) => jetstream.createConsumer('ORDERS', { durable: 'billing' }),
  ),
  "`JetStreamHealth`, with a handler (`provisioning: 'off'`)": {
    prepare: async (owner) => {
      await orders(owner);
      await owner.jetstream.createConsumer('ORDERS', { durable: 'billing' });
      await Promise.all([profiles(owner), files(owner)]);
    },
    use: (user) => {
      @Injectable()
      class Billing {
        @JsConsumer({ stream: 'ORDERS', durable: 'billing' })
        on(): void {}
      }
      const settings = { options: { provisioning: 'off' as const }, providers: [Billing] };
      return inApplication(user, { ...settings, imports: [JetStreamHealthModule] }, async ({ app }) => {
        const health = app.get(JetStreamHealth);
        const resources = { streams: ['ORDERS'], buckets: ['profiles'], objectStores: ['files'] };
        const reports = await Promise.all([
          health.connection(),
          health.handlers({ grace: 0 }),
          health.resources({ ...resources, usedStorage: 0.9, grace: 0 }),
        ]);
        const messages = reports.flatMap(({ message }) => message ?? []);
        if (messages.length > 0) throw new Error(messages.join());
      });
    },
  },
  '`@JsConsumer({ ordered: true })`': handlerOf(() => {
    const handled: unknown[] = [];
    @Injectable()
    class Projection {
      @JsConsumer({ stream: 'ORDERS', ordered: true, deliverPolicy: 'all' })
      on(@Payload() id: number): void {
        handled.push(id);
      }
    }
    return { provider: Projection, handled };
  }),
  '`Handlers.bind`, a consumer without a name': {
    prepare: orders,
    use: (user, { jetstream }) => {
      const handled: unknown[] = [];
      @Injectable()
      class Feeds {
        on(id: unknown): void {
          handled.push(id);
        }
      }
      return inApplication(user, { providers: [Feeds] }, async ({ app }) => {
        const bound = await app.get(Handlers).bind(app.get(Feeds), 'on', { consumer: { stream: 'ORDERS' } });
        await jetstream.publish('orders.1.placed', 1);
        await eventually(
          () => handled,
          ({ length }) => length === 1,
        );
        await bound.stop();
        for await (const name of jetstream.consumerNames('ORDERS')) throw new Error(`${name} was left`);
      });
    },
  },
  "`bootSummary: 'account'`": {
    use: (user) =>
      inApplication(user, { options: { bootSummary: 'account' } }, async ({ app }) => {
        const [summary] = app.get(Handlers).bootSummaries;
        if (summary?.account === undefined) throw new Error('the account is missing');
      }),
  },
  '`@JsConsumer({ push })`': handlerOf(() => {
    const handled: unknown[] = [];
    @Injectable()
    class Legacy {
      @JsConsumer({
        stream: 'ORDERS',
        durable: 'billing',
        push: { deliverSubject: 'deliver.billing', deliverGroup: 'workers' },
      })
      on(@Payload() id: number): void {
        handled.push(id);
      }
    }
    return { provider: Legacy, handled };
  }),
  '`deadLetter: true`': {
    prepare: orders,
    use: (user, owner) => {
      @Injectable()
      class Billing {
        @JsConsumer({ stream: 'ORDERS', durable: 'billing', deadLetter: true })
        on(): void {
          throw new TerminateMessage('never');
        }
      }
      return inApplication(user, { providers: [Billing] }, async () => {
        await owner.jetstream.publish('orders.1.placed', 1);
        await eventually(
          async () => (await owner.jetstream.stream('DEAD_LETTERS').catch(() => undefined))?.info(),
          (info) => info?.state.messages === 1,
        );
      });
    },
  },
  '`@OnDeadLetter`': {
    prepare: orders,
    use: async (user, owner) => {
      const letters: unknown[] = [];
      @Injectable()
      class Alerts {
        @OnDeadLetter({ stream: 'ORDERS' })
        on(@Payload() id: number): void {
          letters.push(id);
        }
      }
      await inApplication(user, { providers: [Alerts] }, async () => {
        await deadLetters(owner);
        await eventually(
          () => letters,
          ({ length }) => length === 2,
        );
      });
    },
  },
  '`DeadLetters`': {
    prepare: async (owner) => {
      await orders(owner);
      await deadLetters(owner);
    },
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const letters = app.get(DeadLetters);
        await letters.page({}, { order: 'newest', limit: 1 });
        const page = await letters.page();
        await letters.replay(page.letters[0]?.sequence ?? 0);
        await letters.drop(page.letters[1]?.sequence ?? 0);
        await letters.replayAll({ reason: 'never' });
        await letters.dropAll({ reason: 'never' });
        await letters.dropAll({ stream: 'ORDERS' });
        await letters.dropAll({});
      }),
  },
  '`DeadLetters`, letters without payload': {
    prepare: async (owner) => {
      await owner.jetstream.createStream({ ...ORDERS, retention: 'workqueue', allowDirect: false });
      await deadLetters(owner, 'x'.repeat(2 ** 20 - 2));
    },
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const letters = app.get(DeadLetters);
        const page = await letters.page();
        await letters.replay(page.letters[0]?.sequence ?? 0);
        await letters.drop(page.letters[1]?.sequence ?? 0);
      }),
  },
  "`@PublishTo('invoices')`": {
    prepare: async (owner) => {
      await orders(owner);
      await owner.jetstream.createStream({ name: 'INVOICES', subjects: ['invoices'], storage: 'memory' });
    },
    use: (user, owner) => {
      @Injectable()
      class Billing {
        @JsConsumer({ stream: 'ORDERS', durable: 'billing' })
        @PublishTo('invoices')
        on(@Payload() id: number): number {
          return id;
        }
      }
      return inApplication(user, { providers: [Billing] }, async () => {
        await owner.jetstream.publish('orders.1.placed', 1);
        const invoices = await owner.jetstream.stream('INVOICES');
        await eventually(
          () => invoices.info(),
          (info) => info.state.messages === 1,
        );
      });
    },
  },
  'a handler and a publisher of a [message](contracts.md)': {
    prepare: async (owner) => orders(owner),
    use: (user) => {
      const Placed = defineMessage({ subject: 'orders.:id.placed' });
      const handled: unknown[] = [];
      @Injectable()
      class Billing {
        @JsConsumer(Placed, { durable: 'billing' })
        on(@Payload() id: unknown): void {
          handled.push(id);
        }
      }
      const feature = { messages: [Placed] };
      return inApplication(user, { providers: [Billing], feature }, async ({ app }) => {
        const publisher = app.get<MessagePublisher<typeof Placed>>(getPublisherToken(Placed));
        await publisher.publish({ id: '1' }, 1);
        await eventually(
          () => handled.length,
          (length) => length === 1,
        );
      });
    },
  },
  // A duplicate is acknowledged without a call of the handler.
  "`idempotent: { bucket: 'done' }`": handlerOf(
    () => {
      const handled: unknown[] = [];
      @Injectable()
      class Bank {
        @JsConsumer({
          stream: 'ORDERS',
          durable: 'billing',
          idempotent: { bucket: 'done', key: String, ttl: 60_000 },
        })
        on(@Payload() id: number): void {
          handled.push(id);
        }
      }
      return { provider: Bank, handled };
    },
    { payloads: [1, 1, 2], calls: 2 },
  ),
  "`@NatsSubscribe('prices.*')`": {
    use: (user, { nc }) => {
      @Injectable()
      class Prices {
        @NatsSubscribe('prices.*')
        on(@Payload() price: number, @Ctx() context: NatsSubscribeContext): void {
          context.respond(String(price));
        }
      }
      return inApplication(user, { providers: [Prices] }, async () => {
        await nc.request('prices.gold', '1', { timeout: 5_000 });
      });
    },
  },
  'a declared bucket': {
    use: (user) =>
      inApplication(user, { feature: { keyValues: [{ bucket: 'profiles' }] } }, () => Promise.resolve()),
  },
  'Key-Value, reading': {
    prepare: profiles,
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const bucket = await app.get(KeyValueService).open('profiles');
        await bucket.get('sue');
        await bucket.get('sue', { consistent: true });
        await bucket.get('sue', { revision: 1 });
        await bucket.get('joe');
        for await (const _ of bucket.keys()) continue;
        await bucket.history('sue');
        await bucket.status();
        const watcher = await bucket.watch();
        for await (const _ of watcher) break;
        for (const keys of ['sue', ['sue', 'joe']]) (await bucket.watch(keys)).stop();
        const cached = await bucket.cached();
        await cached.stop();
      }),
  },
  'Key-Value, writing': {
    prepare: profiles,
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const bucket = await app.get(KeyValueService).open('profiles');
        const revision = await bucket.create('joe', 1);
        await bucket.update('joe', 2, revision);
        await bucket.put('joe', 3);
        await refused(KeyExistsError, bucket.create('joe', 4));
        await refused(RevisionMismatchError, bucket.update('joe', 4, revision));
        await bucket.modify('joe', () => 4);
        await bucket.delete('joe');
        await bucket.create('joe', 5);
        await bucket.purge('joe');
        await bucket.create('joe', 6);
      }),
  },
  'Key-Value, `purgeDeletes`': {
    prepare: async (owner) => {
      const bucket = await profiles(owner);
      await bucket.delete('sue');
    },
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const bucket = await app.get(KeyValueService).open('profiles');
        await bucket.purgeDeletes({ olderThan: 0 });
      }),
  },
  '`@JsSchedule` and `Schedules`': {
    use: (user) => {
      @Injectable()
      class Reports {
        @JsSchedule('* * * * * *')
        daily(): void {}
      }
      return inApplication(user, { providers: [Reports] }, async ({ app }) => {
        const schedules = app.get(Schedules);
        await eventually(
          () => schedules.get('Reports.daily'),
          ({ engine, lastRun }) => engine === 'server' && lastRun !== undefined,
        );
        await schedules.runNow('Reports.daily');
        const run = await schedules.at('Reports.daily', new Date(Date.now() + 60_000));
        await schedules.cancel('Reports.daily', run);
        await schedules.pause('Reports.daily');
        const jetstream = app.get(JetStreamService);
        // The leader removes the instruction to the server.
        await eventually(
          async () => (await (await jetstream.stream('SCHEDULES')).info()).state.numSubjects,
          (subjects) => subjects === 2,
        );
        await schedules.list();
      });
    },
  },
  'Key-Value, locks and elections': {
    prepare: profiles,
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const bucket = await app.get(KeyValueService).open('profiles');
        const lock = await bucket.lock('report', { ttl: 5_000 });
        await refused(LockNotObtainedError, bucket.lock('report', { wait: 0 }));
        await lock.release();
        await (await bucket.lock('report', { ttl: 5_000 })).release();
        const election = bucket.elect('leader', { ttl: 5_000 });
        await eventually(
          () => election.isLeader,
          (leader) => leader,
        );
        await election.stop();
      }),
  },
  '`JetStreamOtelModule` with `tracing: { hops: true }`, publishing': {
    prepare: orders,
    use: async (user) => {
      const exporter = new InMemorySpanExporter();
      const tracerProvider = new BasicTracerProvider({
        spanProcessors: [new SimpleSpanProcessor(exporter)],
      });
      const imports = [
        JetStreamOtelModule.forRoot({ tracing: { hops: true, tracerProvider }, metrics: false }),
      ];
      await inApplication(user, { imports }, async ({ app }) => {
        const jetstream = app.get(JetStreamService);
        await jetstream.connection.flush();
        await jetstream.publish('orders.1.placed', 1);
        await eventually(
          () => exporter.getFinishedSpans().map(({ name }) => name),
          (names) => names.includes('nats-server'),
        );
      });
    },
  },
  'the page of `JetStreamAsyncApiModule` with `tryIt`: publish, dry run and last messages of a declared stream':
    {
      prepare: async (owner) => {
        await orders(owner);
        await owner.jetstream.createConsumer('ORDERS', { durable: 'billing' });
      },
      use: async ({ servers, ...connection }) => {
        const Placed = defineMessage({ subject: 'orders.:id.placed' });
        const page = await Test.createTestingModule({
          imports: [
            JetStreamModule.forRoot({ connection: { servers, ...connection }, provisioning: 'off' }),
            JetStreamModule.forFeature({ streams: [ORDERS], messages: [Placed] }),
            JetStreamAsyncApiModule.forRoot({
              info: { title: 'Orders', version: '1.0.0' },
              tryIt: { publish: true, dryRun: true, messages: true },
            }),
          ],
        }).compile();
        const app = page.createNestApplication({ logger: false });
        await app.listen(0, '127.0.0.1');
        try {
          for (const action of ['publish', 'publish', 'dry-run', 'messages']) {
            const response = await fetch(`${await app.getUrl()}/asyncapi/try-it/${action}`, {
              method: 'POST',
              headers: { 'content-type': 'application/json', 'x-jetstream-page': '1' },
              body: JSON.stringify({ channel: 'orders.id.placed', params: { id: '1' }, payload: 1 }),
            });
            if (!response.ok) throw new Error(`${action}: ${await response.text()}`);
          }
        } finally {
          await app.close();
        }
      },
    },
  '`JetStreamBoardModule`, its views': {
    prepare: async (owner) => {
      await orders(owner);
      await deadLetters(owner);
      await (await owner.keyValues.create({ bucket: 'profiles', storage: 'memory' })).put('a', 1);
      await (await owner.objects.create({ bucket: 'files', storage: 'memory' })).putString('a', 'content');
    },
    use: (user) =>
      onBoard(user, {}, async (board) => {
        for (const view of [
          'handlers',
          'instances',
          'flow',
          'streams',
          'stream?stream=ORDERS',
          'consumers?stream=ORDERS',
          'messages?stream=ORDERS',
          'dead-letters',
          'dead-letters?consumer=billing',
          'dead-letter?sequence=1',
          'jobs',
          'buckets?kind=key-value',
          'buckets?kind=object-store',
          'keys?bucket=profiles',
          'entry?bucket=profiles&key=a',
          'objects?bucket=files',
        ])
          await board.get(`api/${view}`);
        for (const file of [
          'message?stream=ORDERS&sequence=1',
          'dead-letter?sequence=1',
          'entry?bucket=profiles&key=a&revision=1',
          'object?bucket=files&name=a',
        ])
          await board.get(`raw/${file}`);
      }),
  },
  '`JetStreamBoardModule`, its actions besides those for handlers and schedules': {
    prepare: async (owner) => {
      await orders(owner);
      await deadLetters(owner);
    },
    use: (user) =>
      onBoard(user, { readOnly: false }, async (board) => {
        const consumer = { stream: 'ORDERS', consumer: 'billing' };
        await board.act('pause-consumer', {
          ...consumer,
          until: new Date(Date.now() + 60_000).toISOString(),
        });
        await board.act('resume-consumer', consumer);
        const { rows } = (await board.get('api/dead-letters')) as {
          rows: { sequence: number; time: string }[];
        };
        const [first, second] = rows.map(({ sequence, time }) => ({ sequence, time }));
        const payload = { form: 'text', content: '2' };
        await board.act('edit-and-replay', { ...first, payload });
        await board.act('drop', second);
        for (const [action, input] of [
          ['search', { text: 'never' }],
          ['replay-all', {}],
          ['drop-all', {}],
        ] as const) {
          const { id } = (await board.act(action, { selection: {}, ...input })) as { id: string };
          await eventually(
            () => board.get(`api/job?id=${id}`) as Promise<{ state: string }>,
            ({ state }) => state === 'done',
          );
          await board.act('stop-job', { id });
          await board.act('remove-job', { id });
        }
      }),
  },
  "`JetStreamMetricsModule`, with a handler as in the row with `provisioning: 'off'`": {
    prepare: async (owner) => {
      await orders(owner);
      await owner.jetstream.createConsumer('ORDERS', { durable: 'billing' });
      await owner.keyValues.create({ bucket: 'jetstream-metrics', storage: 'memory' });
    },
    use: async (user, { jetstream }) => {
      const registry = new Registry();
      const handled: unknown[] = [];
      @Injectable()
      class Billing {
        @JsConsumer({ stream: 'ORDERS', durable: 'billing' })
        onOrder(@Payload() order: unknown): void {
          handled.push(order);
        }
      }
      const parts = {
        options: { provisioning: 'off' as const },
        imports: [JetStreamMetricsModule.forRoot({ registry })],
        providers: [Billing],
      };
      await inApplication(user, parts, async () => {
        await jetstream.publish('orders.1.placed', 1);
        await eventually(
          () => handled.length,
          (length) => length === 1,
        );
        await eventually(
          () => registry.metrics(),
          (text) => /^nats_consumer_num_pending\{/m.test(text) && /^nats_stream_total_messages\{/m.test(text),
        );
      });
    },
  },
  '`@KvWatch`': {
    prepare: profiles,
    use: async (user) => {
      const seen: unknown[] = [];
      @Injectable()
      class Board {
        @KvWatch('profiles')
        on(@Payload() value: unknown): void {
          seen.push(value);
        }

        @KvWatch('profiles', { keys: ['sue', 'joe'] })
        onSome(@Payload() value: unknown): void {
          seen.push(value);
        }
      }
      await inApplication(user, { providers: [Board] }, () =>
        eventually(
          () => seen,
          ({ length }) => length === 2,
        ),
      );
    },
  },
  'a declared object store': {
    use: (user) =>
      inApplication(user, { feature: { objectStores: [{ bucket: 'files' }] } }, () => Promise.resolve()),
  },
  'Object Store, reading': {
    prepare: files,
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const store = await app.get(ObjectStoreService).open('files');
        await store.getString('a.txt');
        await store.info('a.txt');
        for await (const _ of store.list()) continue;
        await store.status();
        const watcher = await store.watch();
        for await (const _ of watcher) break;
      }),
  },
  'Object Store, writing': {
    prepare: files,
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const store = await app.get(ObjectStoreService).open('files');
        await store.putString('b.txt', 'b');
        const { revision } = await store.putString('b.txt', 'c');
        await store.putString('b.txt', 'd', { previousRevision: revision });
        await store.updateMeta('b.txt', { name: 'c.txt' });
        await store.addLink('link.txt', await store.info('c.txt'));
        await store.addBucketLink('files', store);
        await store.delete('c.txt');
        await store.putString('c.txt', 'e');
      }),
  },
  '`@ObjectWatch`': {
    prepare: files,
    use: async (user) => {
      const seen: unknown[] = [];
      @Injectable()
      class Files {
        @ObjectWatch('files')
        on(@Payload() info: unknown): void {
          seen.push(info);
        }
      }
      await inApplication(user, { providers: [Files] }, () =>
        eventually(
          () => seen,
          ({ length }) => length === 1,
        ),
      );
    },
  },
  '`discovery`, with `control`': {
    use: (user, { nc }) =>
      inApplication(
        user,
        { options: { discovery: { name: 'billing', version: '1.0.0', control: true } } },
        async ({ app }) => {
          const id = app.get(JetStreamInstances).id ?? '';
          for (const subject of ['$SRV.PING', '$SRV.INFO.billing', `$SRV.STATS.billing.${id}`])
            await nc.request(subject, '', { timeout: 5_000 });
          await nc.request(`jetstream-control.pause.billing.${id}`, '{"handler":"A.b"}', { timeout: 5_000 });
        },
      ),
  },
  '`JetStreamInstances`, `list` and `listAll`': {
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        await app.get(JetStreamInstances).list({ name: 'billing' });
        await app.get(JetStreamInstances).listAll();
      }),
  },
  '`JetStreamInstances`, commands': {
    use: (user) =>
      inApplication(user, {}, async ({ app }) => {
        const instances = app.get(JetStreamInstances);
        await refused(InstanceNotFoundError, instances.pause('A.b', { name: 'billing' }));
        await refused(InstanceNotFoundError, instances.pause('A.b', { name: 'billing', id: 'NONE' }));
      }),
  },
  '`JetStreamServer`, requests': {
    use: (user, { nc }) =>
      serving(user, async () => {
        const client = new JetStreamClient({ connection: nc });
        const answer = await firstValueFrom(client.send<number>('prices.quote', 2));
        if (answer !== 8) throw new Error(`answered ${answer}`);
        await client.close();
      }),
  },
  '`JetStreamServer`, events': {
    prepare: orders,
    use: (user, { jetstream }) => {
      const events: unknown[] = [];
      @Controller()
      class Orders {
        @EventPattern('orders.*.placed', { stream: 'ORDERS' })
        on(@Payload() event: unknown): void {
          events.push(event);
        }
      }
      return serving(
        user,
        async () => {
          await jetstream.publish('orders.1.placed', { pattern: 'orders.1.placed', data: 1 });
          await eventually(
            () => events,
            ({ length }) => length === 1,
          );
        },
        Orders,
      );
    },
  },
  '`JetStreamClient`, `send`': {
    use: async (user, { nc }) => {
      nc.subscribe('prices.quote', {
        callback: (_, message) => {
          const { id } = message.json<{ id: string }>();
          message.respond(JSON.stringify({ id, response: 8, isDisposed: true }));
        },
      });
      await nc.flush();
      const client = new JetStreamClient({ connection: user });
      const answer = await firstValueFrom(client.send<number>('prices.quote', 2));
      if (answer !== 8) throw new Error(`answered ${answer}`);
      await client.close();
    },
  },
  '`JetStreamClient`, `emit`': {
    prepare: orders,
    use: async (user, { jetstream }) => {
      const client = new JetStreamClient({ connection: user });
      await firstValueFrom(client.emit('orders.1.placed', 1), { defaultValue: undefined });
      const stream = await jetstream.stream('ORDERS');
      await eventually(
        () => stream.info(),
        (info) => info.state.messages === 1,
      );
      await client.close();
    },
  },
};

const ORDERS = {
  name: 'ORDERS',
  subjects: ['orders.>'],
  storage: 'memory',
  allowDirect: true,
} as const;

async function orders({ jetstream }: Owner): Promise<void> {
  await jetstream.createStream({
    ...ORDERS,
    allowAtomicPublish: true,
    allowBatchPublish: true,
  });
}

/** Two dead letters, created by a handler of the owner. */
async function deadLetters({ jetstream, user }: Owner, payload: unknown = 1): Promise<void> {
  @Injectable()
  class Billing {
    @JsConsumer({ stream: 'ORDERS', durable: 'billing', deadLetter: true })
    on(): void {
      throw new TerminateMessage('never');
    }
  }
  await inApplication(user, { providers: [Billing] }, async () => {
    await jetstream.publish('orders.1.placed', payload);
    await jetstream.publish('orders.2.placed', payload);
    const stream = await jetstream.stream('DEAD_LETTERS');
    await eventually(
      () => stream.info(),
      ({ state }) => state.messages === 2,
    );
  });
}

async function profiles({ keyValues }: Owner): Promise<KeyValue> {
  const bucket = await keyValues.create({ bucket: 'profiles', storage: 'memory', history: 3 });
  await bucket.put('sue', 1);
  return bucket;
}

async function files({ objects }: Owner): Promise<ObjectStore> {
  const store = await objects.create({ bucket: 'files', storage: 'memory' });
  await store.putString('a.txt', 'a');
  return store;
}

interface Settings {
  readonly options?: Omit<JetStreamModuleOptions, 'connection'>;
  readonly feature?: JetStreamFeatureOptions;
  readonly providers?: Type[];
  readonly imports?: (Type | DynamicModule)[];
}

async function inApplication(
  { servers, ...connection }: User,
  settings: Settings,
  use: (application: TestApplication) => Promise<unknown>,
): Promise<void> {
  await using application = await startApplication(servers, { connection, ...settings });
  await use(application);
}

/** Requests to a board; each fails if the board refuses it. */
interface Board {
  get(path: string): Promise<unknown>;
  act(action: string, input: unknown): Promise<unknown>;
}

async function onBoard(
  { servers, ...connection }: User,
  options: BoardOptions,
  use: (board: Board) => Promise<void>,
): Promise<void> {
  const module = await Test.createTestingModule({
    imports: [
      JetStreamModule.forRoot({ connection: { servers, ...connection }, provisioning: 'off' }),
      JetStreamBoardModule.forRoot(options),
    ],
  }).compile();
  const app = module.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  const request = async (path: string, init?: RequestInit): Promise<unknown> => {
    const response = await fetch(`${await app.getUrl()}/board/${path}`, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${text}`);
    return response.headers.get('content-type')?.includes('json') === true ? JSON.parse(text) : text;
  };
  try {
    await use({
      get: (path) => request(path),
      act: (action, input) =>
        request(`api/${action}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-jetstream-page': '1' },
          body: JSON.stringify(input),
        }),
    });
  } finally {
    await app.close();
  }
}

interface Handling {
  /** The messages that the owner publishes. Default: one. */
  readonly payloads?: readonly unknown[];
  /** The calls of the handler for them. Default: one for each. */
  readonly calls?: number;
}

/** Expects an error that the library can only report if it has the permission to find its reason. */
async function refused(
  expected: abstract new (...args: never[]) => Error,
  call: Promise<unknown>,
): Promise<void> {
  const error: unknown = await call.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  if (error instanceof expected) return;
  throw error instanceof Error ? error : new Error(`no ${expected.name}`);
}

/** A handler receives the messages that the owner publishes, and acknowledges them. */
function handlerOf(
  make: () => { readonly provider: Type; readonly handled: readonly unknown[] },
  { payloads = [1], calls = payloads.length, ...settings }: Settings & Handling = {},
  prepare: (owner: Owner) => Promise<unknown> = () => Promise.resolve(),
): Feature {
  return {
    prepare: async (owner) => {
      await orders(owner);
      await prepare(owner);
    },
    use: async (user, { jetstream }) => {
      const { provider, handled } = make();
      await inApplication(user, { ...settings, providers: [provider] }, async () => {
        for (const payload of payloads) await jetstream.publish('orders.1.placed', payload);
        await eventually(
          () => handled,
          ({ length }) => length === calls,
        );
        for await (const { name } of jetstream.listConsumers('ORDERS')) {
          await eventually(
            async () => {
              for await (const info of jetstream.listConsumers('ORDERS')) if (info.name === name) return info;
              return undefined;
            },
            (info) => info === undefined || info.numAckPending === 0,
          );
        }
      });
    },
  };
}

@Controller()
class Prices {
  @MessagePattern('prices.quote')
  quote(@Payload() quantity: number): number {
    return 4 * quantity;
  }
}

async function serving(user: User, use: () => Promise<void>, controller: Type = Prices): Promise<void> {
  const module = await Test.createTestingModule({ controllers: [controller] }).compile();
  const app = module.createNestMicroservice<MicroserviceOptions>({
    strategy: new JetStreamServer({ name: 'billing', connection: user }),
  });
  await app.listen();
  try {
    await use();
  } finally {
    await app.close();
  }
}
