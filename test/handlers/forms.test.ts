import { Controller, Inject, Injectable, Module } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  HandlerConfigurationError,
  Handlers as HandlersService,
  JetStreamBatchContext,
  JetStreamContext,
  JetStreamService,
  JsConsumer,
  JsHandler,
  JsHeaders,
  JsMessage,
  JsSubject,
  NatsSubscribeContext,
  ObjectContext,
  ObjectWatch,
  getNatsConnectionToken,
  getKeyValueToken,
  getObjectStoreToken,
  KvWatch,
  NatsSubscribe,
  type KeyValue,
  type ObjectInfo,
  type ObjectStore,
} from 'nestjs-nats-jetstream';
import { headers, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const seen: unknown[] = [];
const count = (n: number): Promise<number> =>
  eventually(
    () => seen.length,
    (length) => length >= n,
  );

const Order = z.object({ id: z.number().int(), currency: z.string().default('EUR') });

describe.each(['2.15', '2.10', '2.9'])('the forms of a handler on nats-server %s', (version) => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    seen.length = 0;
  });

  /** Starts handlers on a new stream ORDERS; `settled` waits until a consumer has no pending messages. */
  async function start(
    providers: (new (...args: never[]) => object)[],
    rest: Omit<Parameters<typeof startApplication>[1], 'providers' | 'feature'> = {},
  ): Promise<
    TestApplication & { publish(subject: string, data: unknown): Promise<unknown>; settled(): Promise<void> }
  > {
    const cleaner = await startApplication(server.url, {});
    await cleaner.app
      .get(JetStreamService)
      .deleteStream('ORDERS')
      .catch(() => undefined);
    await cleaner.app.close();
    const application = await startApplication(server.url, {
      ...rest,
      feature: { streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' }] },
      providers,
    });
    const jetstream = application.app.get(JetStreamService);
    return {
      ...application,
      publish: (subject, data) => jetstream.publish(subject, data),
      settled: async () => {
        const consumer = await jetstream.consumer('ORDERS', 'orders');
        await eventually(
          () => consumer.info(),
          ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
        );
      },
    };
  }

  describe('a class whose methods share a consumer', () => {
    @Injectable()
    @JsConsumer({ stream: 'ORDERS', durable: 'orders', retry: { maxDeliver: 2, backoff: [10] } })
    class Audit {
      @JsHandler('orders.created')
      created(@Payload() id: number): void {
        seen.push(['created', id]);
      }

      @JsHandler('orders.*.cancelled')
      async cancelled(@Payload() id: number, @Ctx() { subject }: JetStreamContext): Promise<void> {
        await Promise.resolve();
        seen.push(['cancelled', id, subject]);
      }

      @JsHandler('orders.de.*', 'orders.fr.>')
      elsewhere(@Payload() id: number): void {
        seen.push(['elsewhere', id]);
        if (id === 6) throw new Error('no');
      }
    }

    it('routes each message to the most specific method, and names it in logs', async () => {
      await using application = await start([Audit]);
      await application.publish('orders.created', 1);
      await application.publish('orders.de.cancelled', 2);
      await application.publish('orders.de.paid', 3);
      await application.publish('orders.fr.a.b', 4);
      await application.publish('orders.uk.cancelled', 5);
      await application.publish('orders.fr.x', 6);
      await application.settled();
      expect(seen).toEqual([
        ['created', 1],
        // `de` as the second token is more specific than `*`.
        ['elsewhere', 2],
        ['elsewhere', 3],
        ['elsewhere', 4],
        ['cancelled', 5, 'orders.uk.cancelled'],
        ['elsewhere', 6],
        ['elsewhere', 6],
      ]);
      expect(application.logs.of('error', 'Settlement')[0]).toContain(
        'Audit.elsewhere: the message on "orders.fr.x"',
      );
    });

    it('terminates messages that no method handles, with a warning', async () => {
      @Injectable()
      @JsConsumer({ stream: 'ORDERS', durable: 'orders', filterSubjects: 'orders.>' })
      class Picky {
        @JsHandler('orders.created')
        created(@Payload() id: number): void {
          seen.push(id);
        }
      }
      await using application = await start([Picky]);
      await application.publish('orders.deleted', 1);
      await application.publish('orders.created', 2);
      await application.settled();
      expect(seen).toEqual([2]);
      expect(application.logs.of('warn', 'Settlement')[0]).toContain(
        'no @JsHandler of Picky matches "orders.deleted"',
      );
    });

    it('reports methods without a class, classes without methods, and patterns given twice', async () => {
      @Injectable()
      class Lonely {
        @JsHandler('orders.created')
        created(): void {}
      }
      @Injectable()
      @JsConsumer({ stream: 'ORDERS', durable: 'a' })
      class Empty {}
      @Injectable()
      @JsConsumer({ stream: 'ORDERS', durable: 'b' })
      class Twice {
        @JsHandler('orders.created')
        one(): void {}
        @JsHandler('orders.created')
        two(): void {}
      }
      @Injectable()
      @JsConsumer({ stream: 'ORDERS', durable: 'c' })
      class Uncovered {
        @JsHandler('invoices.*')
        one(): void {}
      }
      const error: unknown = await start([Lonely, Empty, Twice, Uncovered]).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(HandlerConfigurationError);
      const { problems } = error as HandlerConfigurationError;
      expect(problems.map(({ handler, problem }) => `${handler}: ${problem}`).sort()).toEqual([
        expect.stringMatching(/^Empty: @JsConsumer on a class needs methods decorated with @JsHandler/),
        expect.stringMatching(/^Lonely\.created: @JsHandler has no consumer/),
        expect.stringMatching(/^Twice: two methods are decorated with @JsHandler\('orders\.created'\)/),
        expect.stringMatching(/^Uncovered: stream "ORDERS" has no subject that "invoices\.\*" could match/),
      ]);
    });
  });

  it('controllers can have handlers too, and classes inherit them', async () => {
    abstract class Base {
      @JsConsumer({ stream: 'ORDERS', durable: 'orders' })
      handle(@Payload() id: number): void {
        seen.push([this.constructor.name, id]);
      }
    }
    @Controller()
    class Orders extends Base {}
    @Module({ controllers: [Orders] })
    class OrdersModule {}
    await using application = await start([], { imports: [OrdersModule] });
    await application.publish('orders.1', 1);
    await application.settled();
    expect(seen).toEqual([['Orders', 1]]);
  });

  it('an ephemeral consumer starts at its deliverPolicy, and is removed with the application', async () => {
    @Injectable()
    class Tail {
      @JsConsumer({ stream: 'ORDERS', deliverPolicy: 'new', inactiveThreshold: 1_000 })
      handle(@Payload() id: number): void {
        seen.push(id);
      }
    }
    await using application = await start([Tail]);
    await application.publish('orders.1', 1);
    await count(1);
    expect(seen).toEqual([1]);
    const stream = await application.app.get(JetStreamService).stream('ORDERS');
    expect((await stream.info()).state.consumers).toBe(1);
  });

  it.runIf(version === '2.15')(
    'in a priority group, gets messages only when enough of them wait',
    async () => {
      @Injectable()
      class Orders {
        @JsConsumer({
          stream: 'ORDERS',
          durable: 'orders',
          priorityPolicy: 'overflow',
          priorityGroups: ['jobs'],
          priorityGroup: 'jobs',
          minPending: 5,
        })
        handle(@Payload() id: number): void {
          seen.push(id);
        }
      }
      await using application = await start([Orders]);
      for (let id = 1; id <= 4; id++) await application.publish('orders.x', id);
      const consumer = await application.app.get(JetStreamService).consumer('ORDERS', 'orders');
      expect((await consumer.info()).numPending).toBe(4);
      expect(seen).toEqual([]);
      await application.publish('orders.x', 5);
      await count(1);
      expect(seen[0]).toBe(1);
    },
  );

  describe('ordered', () => {
    it('reads the stream in order, retries in place, and skips messages that keep failing', async () => {
      let failures = 0;
      @Injectable()
      class Projection {
        @JsConsumer({ stream: 'ORDERS', ordered: true, retry: { maxDeliver: 3, backoff: [5] } })
        async project(@Payload() id: number, @Ctx() { metadata }: JetStreamContext): Promise<void> {
          await Promise.resolve();
          if (id === 2 && ++failures < 3) throw new Error('not yet');
          if (id === 3) throw new Error('never');
          seen.push([id, metadata.streamSequence]);
        }
      }
      await using application = await start([Projection]);
      for (const id of [1, 2, 3, 4]) await application.publish('orders.x', id);
      await count(3);
      expect(seen).toEqual([
        [1, 1],
        [2, 2],
        [4, 4],
      ]);
      expect(application.logs.of('error', 'Settlement')).toEqual([
        expect.stringMatching(
          /Projection\.project: the message .*sequence 3.* failed and is not delivered again: never/,
        ),
      ]);
    });

    it('retries even if its retryIf throws, and logs both errors', async () => {
      let failures = 0;
      @Injectable()
      class Projection {
        @JsConsumer({
          stream: 'ORDERS',
          ordered: true,
          retry: {
            maxDeliver: 3,
            backoff: [5],
            retryIf: () => {
              throw new Error('retryIf is broken');
            },
          },
        })
        project(@Payload() id: number): void {
          if (++failures < 3) throw new Error('not yet');
          seen.push(id);
        }
      }
      await using application = await start([Projection]);
      await application.publish('orders.x', 1);
      await count(1);
      const warnings = application.logs.of('warn').join('\n');
      expect(warnings).toContain('not yet');
      expect([...application.logs.of('error'), warnings].join('\n')).toContain('retryIf is broken');
    });

    it('resumes automatically when its consumer is deleted', async () => {
      @Injectable()
      class Projection {
        @JsConsumer({ stream: 'ORDERS', ordered: true, namePrefix: 'projection' })
        project(@Payload() id: number): void {
          seen.push(id);
        }
      }
      await using application = await start([Projection]);
      await application.publish('orders.x', 1);
      await count(1);
      const stream = await application.app.get(JetStreamService).stream('ORDERS');
      await stream.deleteConsumer('projection_1');
      await application.publish('orders.x', 2);
      await count(2);
      expect(seen).toEqual([1, 2]);
    });
  });

  describe('ordered, paused', () => {
    it('goes on after the last message', async () => {
      let release = (): void => undefined;
      const gate = new Promise<void>((resolve) => (release = resolve));
      @Injectable()
      class Projection {
        @JsConsumer({ stream: 'ORDERS', ordered: true, namePrefix: 'projection' })
        async project(@Payload() id: number): Promise<void> {
          seen.push(id);
          if (id > 1) await gate;
        }
      }
      await using application = await start([Projection]);
      const handlers = application.app.get(HandlersService);
      for (const id of [1, 2, 3]) await application.publish('orders.x', id);
      await eventually(
        () => handlers.get('Projection.project'),
        ({ running, waiting }) => running === 1 && waiting > 0,
      );
      await handlers.pause('Projection.project');
      release();
      await handlers.resume('Projection.project');
      await application.publish('orders.x', 4);
      await count(4);
      await handlers.pause('Projection.project');
      await handlers.resume('Projection.project');
      await application.publish('orders.x', 5);
      await count(5);
      expect(seen).toEqual([1, 2, 3, 4, 5]);
    });
  });

  describe('push', () => {
    it('receives messages with flow control, and settles them like any other', async () => {
      @Injectable()
      class Orders {
        @JsConsumer({
          stream: 'ORDERS',
          durable: 'orders',
          push: { deliverSubject: 'push.orders' },
          concurrency: 4,
          retry: { backoff: [10] },
        })
        async handle(@Payload() id: number, @Ctx() { metadata }: JetStreamContext): Promise<void> {
          await new Promise((resolve) => setTimeout(resolve, 1));
          if (id === 7 && metadata.deliveryCount === 1) throw new Error('again');
          seen.push(id);
        }
      }
      await using application = await start([Orders]);
      for (let id = 0; id < 50; id++) await application.publish('orders.x', id);
      await count(50);
      const consumer = await application.app.get(JetStreamService).pushConsumer('ORDERS', 'orders');
      await eventually(
        () => consumer.info(),
        ({ numAckPending }) => numAckPending === 0,
      );
      expect(new Set(seen).size).toBe(50);
      expect(consumer.cachedInfo.config).toMatchObject({ deliverSubject: 'push.orders', flowControl: true });
    });

    it('instances share the messages of a queue group', async () => {
      const handler = (name: string): new () => object => {
        @Injectable()
        class Orders {
          @JsConsumer({
            stream: 'ORDERS',
            durable: 'orders',
            push: { deliverSubject: 'push.group', deliverGroup: 'workers' },
          })
          handle(@Payload() id: number): void {
            seen.push([name, id]);
          }
        }
        return Orders;
      };
      await using application = await start([handler('one')]);
      await using _ = await startApplication(server.url, { providers: [handler('two')] });
      for (let id = 0; id < 100; id++) await application.publish('orders.x', id);
      await count(100);
      expect(new Set(seen.map((entry) => (entry as [string, number])[0]))).toEqual(new Set(['one', 'two']));
      expect(new Set(seen.map((entry) => (entry as [string, number])[1])).size).toBe(100);
    });
  });

  describe('batch', () => {
    it('passes arrays: full ones at once, others after maxWait', async () => {
      @Injectable()
      class Orders {
        @JsConsumer({ stream: 'ORDERS', durable: 'orders', batch: { size: 3, maxWait: 100 } })
        handle(@Payload() ids: number[], @Ctx() { messages }: JetStreamBatchContext): void {
          seen.push([ids, messages.map(({ metadata }) => metadata.streamSequence)]);
        }
      }
      await using application = await start([Orders]);
      for (const id of [1, 2, 3, 4]) await application.publish('orders.x', id);
      await application.settled();
      expect(seen).toEqual([
        [
          [1, 2, 3],
          [1, 2, 3],
        ],
        [[4], [4]],
      ]);
    });

    it.runIf(version === '2.15')('settles a batch with one acknowledgement with ackPolicy all', async () => {
      @Injectable()
      class Orders {
        @JsConsumer({
          stream: 'ORDERS',
          durable: 'orders',
          batch: { size: 10, maxWait: 50 },
          ackPolicy: 'all',
        })
        async handle(@Payload() ids: number[]): Promise<void> {
          await Promise.resolve();
          seen.push(...ids);
        }
      }
      await using application = await start([Orders]);
      for (let id = 0; id < 25; id++) await application.publish('orders.x', id);
      await application.settled();
      expect(seen).toEqual(Array.from({ length: 25 }, (_, id) => id));
    });

    // Older servers cannot pin it to one instance.
    it.runIf(version !== '2.15')('rejects a durable consumer with ackPolicy all', async () => {
      @Injectable()
      class Orders {
        @JsConsumer({ stream: 'ORDERS', durable: 'orders', batch: { size: 10 }, ackPolicy: 'all' })
        handle(): void {}
      }
      await expect(start([Orders])).rejects.toThrow(
        /Orders\.handle: ackPolicy 'all' with a durable .* needs nats-server 2\.11/,
      );
    });

    it('a failed batch is redelivered; a message that cannot be decoded does not affect it', async () => {
      let failed = false;
      @Injectable()
      class Orders {
        @JsConsumer({
          stream: 'ORDERS',
          durable: 'orders',
          batch: { size: 3, maxWait: 50 },
          retry: { backoff: [10] },
        })
        handle(@Payload() ids: number[], @Ctx() { messages }: JetStreamBatchContext): void {
          if (!failed) {
            failed = true;
            // The handler has settled it, so the failure does not affect it.
            messages[0].ack();
            throw new Error('not yet');
          }
          seen.push(...ids);
        }
      }
      await using application = await start([Orders]);
      await application.publish('orders.x', 1);
      await application.publish('orders.x', '{ not json');
      await application.publish('orders.x', 3);
      await application.publish('orders.x', 4);
      await application.settled();
      expect(new Set(seen)).toEqual(new Set([3, 4]));
      expect(
        application.logs.of('warn', 'Settlement').some((line) => line.includes('not application/json')),
      ).toBe(true);
    });
  });

  describe('schema', () => {
    it('validates each payload and passes the validated value', async () => {
      @Injectable()
      class Orders {
        @JsConsumer({ stream: 'ORDERS', durable: 'orders', schema: Order })
        handle(@Payload() order: z.output<typeof Order>): void {
          seen.push(order);
        }
      }
      await using application = await start([Orders]);
      await application.publish('orders.x', { id: 'one' });
      await application.publish('orders.x', { id: 2 });
      await application.settled();
      expect(seen).toEqual([{ id: 2, currency: 'EUR' }]);
      expect(application.logs.of('warn', 'Settlement')).toEqual([
        expect.stringMatching(
          /sequence 1.* is terminated \(it is not delivered again\): invalid payload: id: /,
        ),
      ]);
    });

    it('can validate asynchronously', async () => {
      const Even = z.number().refine(async (n) => Promise.resolve(n % 2 === 0), 'odd');
      @Injectable()
      class Orders {
        @JsConsumer({ stream: 'ORDERS', durable: 'orders', schema: Even })
        handle(@Payload() n: number): void {
          seen.push(n);
        }
      }
      await using application = await start([Orders]);
      for (const n of [1, 2, 3, 4]) await application.publish('orders.x', n);
      await application.settled();
      expect(seen).toEqual([2, 4]);
      expect(application.logs.of('warn', 'Settlement')).toHaveLength(2);
    });
  });

  describe('options decided at bootstrap', () => {
    it('are computed from injected providers, or looked up by name', async () => {
      @Injectable()
      class Config {
        readonly durable = 'orders';
      }
      @Injectable()
      class Handlers {
        constructor(@Inject(Config) readonly config: Config) {}

        @JsConsumer({
          inject: [Config],
          useFactory: ({ durable }: Config) => ({ stream: 'ORDERS', durable }),
        })
        injected(@Payload() id: number): void {
          seen.push(['injected', id]);
        }

        @JsConsumer('named')
        named(@Payload() id: number): void {
          seen.push(['named', id]);
        }
      }
      await using application = await start([Handlers, Config], {
        options: { handlers: { consumers: { named: { stream: 'ORDERS', durable: 'by-name' } } } },
      });
      await application.publish('orders.x', 1);
      await count(2);
      expect(new Set(seen)).toEqual(
        new Set([
          ['injected', 1],
          ['named', 1],
        ]),
      );
    });

    it('are computed for watches and subscriptions too, including the bucket or subject', async () => {
      @Injectable()
      class Names {
        readonly profiles = 'profiles';
        readonly configs = 'configs';
        readonly prices = 'prices.*';
      }
      @Injectable()
      class Followers {
        @KvWatch({
          inject: [Names],
          useFactory: ({ profiles }: Names) => ({ bucket: profiles, keys: 'sue' }),
        })
        onProfile(@Payload() profile: unknown): void {
          seen.push(profile);
        }

        @ObjectWatch({ inject: [Names], useFactory: ({ configs }: Names) => ({ bucket: configs }) })
        onConfig(@Payload() { name }: ObjectInfo): void {
          seen.push(name);
        }

        @NatsSubscribe({ inject: [Names], useFactory: async ({ prices }: Names) => ({ subject: prices }) })
        onPrice(@Payload() price: number): void {
          seen.push(price);
        }
      }
      await using writer = await startApplication(server.url, {
        feature: {
          keyValues: [{ bucket: 'profiles', storage: 'memory' }],
          objectStores: [{ bucket: 'configs', storage: 'memory' }],
        },
      });
      await using _ = await start([Followers, Names]);
      const profiles = writer.app.get<KeyValue>(getKeyValueToken('profiles'));
      await profiles.put('tom', 'Tom');
      await profiles.put('sue', 'Sue');
      await writer.app.get<ObjectStore>(getObjectStoreToken('configs')).putString({ name: 'a.json' }, '{}');
      writer.app.get<NatsConnection>(getNatsConnectionToken()).publish('prices.gold', '21');
      await count(3);
      expect(new Set(seen)).toEqual(new Set(['Sue', 'a.json', 21]));
    });

    it('that cannot be computed are reported like other mistakes', async () => {
      @Injectable()
      class Handlers {
        @JsConsumer('nowhere')
        named(): void {}

        @JsConsumer({
          useFactory: () => {
            throw new Error('no such variable');
          },
        })
        failing(): void {}

        @KvWatch({
          useFactory: () => {
            throw new Error('no such bucket');
          },
        })
        watching(): void {}

        @NatsSubscribe({ useFactory: () => ({ subject: 'not a subject' }) })
        listening(): void {}
      }
      await expect(start([Handlers])).rejects.toThrow(
        /Handlers\.named: .*no options "nowhere"[^]*Handlers\.failing: .*no such variable[^]*Handlers\.watching: .*no such bucket[^]*Handlers\.listening: subject/,
      );
    });
  });

  it('@NatsSubscribe passes subject, headers and message', async () => {
    @Injectable()
    class Prices {
      @NatsSubscribe('prices.*')
      onPrice(
        @JsSubject(1) metal: string,
        @JsHeaders('unit') unit: string | undefined,
        @JsMessage() message: Msg,
        @Payload() price: number,
      ): void {
        seen.push([metal, unit, message.string(), price]);
      }
    }
    await using application = await startApplication(server.url, { providers: [Prices] });
    const nc = application.app.get<NatsConnection>(getNatsConnectionToken());
    const unit = headers();
    unit.set('unit', 'ounce');
    nc.publish('prices.gold', '21', { headers: unit });
    nc.publish('prices.iron', '1');
    await count(2);
    expect(seen).toEqual([
      ['gold', 'ounce', '21', 21],
      ['iron', undefined, '1', 1],
    ]);
  });

  it('@ObjectWatch follows the objects of a bucket', async () => {
    @Injectable()
    class Configs {
      @ObjectWatch('configs')
      onConfig(@Payload() info: ObjectInfo, @Ctx() context: ObjectContext): void {
        seen.push([info.name, info.size, context.deleted, context.initial]);
      }
    }
    const feature = { objectStores: [{ bucket: 'configs', storage: 'memory' as const }] };
    await using writer = await startApplication(server.url, { feature });
    const store = writer.app.get<ObjectStore>(getObjectStoreToken('configs'));
    await store.putString({ name: 'a.json' }, '{}');
    await using application = await startApplication(server.url, { providers: [Configs] });
    await count(1);
    await store.putString({ name: 'b.json' }, '[1]');
    await store.delete('a.json');
    await count(3);
    expect(seen).toEqual([
      ['a.json', 2, false, true],
      ['b.json', 3, false, false],
      ['a.json', 0, true, false],
    ]);
    expect(application.logs.of('log', 'ObjectWatch')).toEqual(['Configs.onConfig watches bucket "configs"']);
  });

  it('@NatsSubscribe handles core NATS messages, shared in a queue group, and answers them', async () => {
    @Injectable()
    class Prices {
      @NatsSubscribe('prices.*', { queue: 'tickers' })
      onPrice(@Payload() price: number, @Ctx() context: NatsSubscribeContext): void {
        if (price < 0) throw new Error('negative');
        seen.push([context.subject, price]);
        context.respond(String(price * 2));
      }
    }
    await using application = await startApplication(server.url, { providers: [Prices] });
    await using _ = await startApplication(server.url, { providers: [Prices] });
    const nc = application.app.get<NatsConnection>(getNatsConnectionToken());
    const reply = await nc.request('prices.gold', '21');
    expect(reply.string()).toBe('42');
    nc.publish('prices.tin', '-1');
    nc.publish('prices.tin', '1');
    await count(2);
    expect(seen).toEqual([
      ['prices.gold', 21],
      ['prices.tin', 1],
    ]);
  });
});
