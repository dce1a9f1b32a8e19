import {
  CanActivate,
  Injectable,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  type ExceptionFilter,
  type NestInterceptor,
} from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  JetStreamContext,
  JetStreamService,
  JsConsumer,
  PublishTo,
  type Codec,
  type JsConsumerOptions,
  type PublishSubject,
  type PublishToOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { concat, concatMap, from, map, of, throwError, type Observable } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';

interface Order {
  readonly id: number;
}

type Handle = (order: Order, context: JetStreamContext) => unknown;

interface Billing {
  readonly options?: Partial<JsConsumerOptions>;
  readonly subject?: PublishSubject;
  readonly publish?: PublishToOptions;
}

class AllowAll implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

const paths = ['compiled', 'pipeline'] as const;

describe.each(['2.15', '2.9'])('@PublishTo on nats-server %s', (version) => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());

  describe.each(paths)('%s', (path) => {
    function provider(
      name: string,
      handle: Handle,
      { options, subject, publish }: Billing,
    ): new () => object {
      const consume = JsConsumer({
        stream: `ORDERS_${name}`,
        durable: 'billing',
        ...options,
      } as JsConsumerOptions);
      const forward = PublishTo(subject ?? `billed.${name}`, publish);
      if (path === 'compiled') {
        @Injectable()
        class Orders {
          @consume
          @forward
          onOrder(@Payload() order: Order, @Ctx() context: JetStreamContext): unknown {
            return handle(order, context);
          }
        }
        return Orders;
      }
      @Injectable()
      class Orders {
        @UseGuards(AllowAll)
        @consume
        @forward
        onOrder(@Payload() order: Order, @Ctx() context: JetStreamContext): unknown {
          return handle(order, context);
        }
      }
      return Orders;
    }

    /** An application with a stream of orders, a stream of bills, and a handler that publishes bills for orders. */
    async function start(handle: (name: string) => Handle, billing: (name: string) => Billing = () => ({})) {
      const name = String(++serial);
      const orders = `orders.${name}`;
      const billed = `BILLED_${name}`;
      const application = await startApplication(server.url, {
        feature: {
          streams: [
            { name: `ORDERS_${name}`, subjects: [`${orders}.>`], storage: 'memory' },
            { name: billed, subjects: [`billed.${name}.>`, `billed.${name}`], storage: 'memory' },
          ],
        },
        providers: [provider(name, handle(name), billing(name))],
      });
      const jetstream = application.app.get(JetStreamService);
      return {
        ...application,
        jetstream,
        billed,
        order: (id: number, subject = `${orders}.de.placed`) => jetstream.publish(subject, { id }),
        /** The messages of the target stream once all orders are settled. */
        results: async () => {
          const consumer = await jetstream.consumer(`ORDERS_${name}`, 'billing');
          await eventually(
            () => consumer.info(),
            ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
          );
          const stream = await jetstream.stream(billed);
          const { lastSequence } = (await stream.info()).state;
          return Promise.all(Array.from({ length: lastSequence }, (_, i) => stream.getMessage(i + 1)));
        },
      };
    }

    const values = (messages: readonly { json(): unknown }[]): unknown[] =>
      messages.map((each) => each.json());

    it('publishes the value that the handler returns or resolves to, except undefined', async () => {
      await using billing = await start(() => ({ id }) => {
        if (id === 1) return { bill: id };
        return id === 2 ? Promise.resolve({ bill: id }) : undefined;
      });
      for (const id of [1, 2, 3]) await billing.order(id);
      expect(values(await billing.results())).toEqual([{ bill: 1 }, { bill: 2 }]);
    });

    it('publishes each value of an array, a generator and an async generator, in order', async () => {
      await using billing = await start(() => ({ id }) => {
        if (id === 1) return ['a', undefined, 'b'].map((part) => part && { part });
        if (id === 2) {
          return (function* () {
            yield { part: 'c' };
            yield { part: 'd' };
          })();
        }
        return (async function* () {
          yield { part: 'e' };
          await Promise.resolve();
          yield { part: 'f' };
        })();
      });
      for (const id of [1, 2, 3]) await billing.order(id);
      expect(values(await billing.results())).toEqual(
        ['a', 'b', 'c', 'd', 'e', 'f'].map((part) => ({ part })),
      );
    });

    it('publishes text and bytes as they are, and an array in an array as one message', async () => {
      await using billing = await start(() => ({ id }) => {
        if (id === 1) return 'paid';
        return id === 2 ? new Uint8Array([1, 2, 3]) : [[1, 2, 3]];
      });
      for (const id of [1, 2, 3]) await billing.order(id);
      const [text, bytes, list] = await billing.results();
      expect(text.text()).toBe('paid');
      expect([...bytes.data]).toEqual([1, 2, 3]);
      expect(list.json()).toEqual([1, 2, 3]);
    });

    it('inserts tokens of the handled subject into the target', async () => {
      await using billing = await start(
        () =>
          ({ id }) => ({ id }),
        (name) => ({ subject: `billed.${name}.{2}.{3}-x` }),
      );
      await billing.order(1);
      const [message] = await billing.results();
      expect(message.subject).toMatch(/^billed\.\d+\.de\.placed-x$/);
    });

    it('calls functions for the subject and the headers, and encodes the payload with a codec', async () => {
      const csv: Codec = {
        contentType: 'text/csv',
        encode: (value) => Buffer.from(Object.values(value as object).join(',')),
        decode: (data) => Buffer.from(data).toString().split(','),
      };
      await using billing = await start(
        () =>
          ({ id }) => ({ id, paid: true }),
        (name) => ({
          subject: (result, message) =>
            `billed.${name}.${(result as Order).id}.${message.metadata.streamSequence}`,
          publish: {
            headers: (result, { subject }) => ({ Origin: subject, Order: String((result as Order).id) }),
            codec: csv,
          },
        }),
      );
      await billing.order(7);
      const [message] = await billing.results();
      expect(message.subject).toMatch(/^billed\.\d+\.7\.1$/);
      expect(message.text()).toBe('7,true');
      expect(message.headers?.get('Order')).toBe('7');
      expect(message.headers?.get('Origin')).toMatch(/^orders\.\d+\.de\.placed$/);
      expect(message.headers?.get('Content-Type')).toBe('text/csv');
    });

    it('assigns every value an id made of stream, consumer, sequence and index', async () => {
      await using billing = await start(
        () =>
          ({ id }) =>
            id === 1 ? { id } : [{ id }, { id }],
      );
      for (const id of [1, 2]) await billing.order(id);
      const ids = (await billing.results()).map(({ headers }) => headers?.get('Nats-Msg-Id'));
      expect(ids).toEqual([
        expect.stringMatching(/^ORDERS_\d+\.billing\.1\.[0-9a-z]+$/),
        expect.stringMatching(/^ORDERS_\d+\.billing\.2\.[0-9a-z]+\.0$/),
        expect.stringMatching(/^ORDERS_\d+\.billing\.2\.[0-9a-z]+\.1$/),
      ]);
    });

    it('does not publish twice if the message is redelivered after its result was published', async () => {
      const deliveries: number[] = [];
      await using billing = await start(
        () => (_, context) => {
          const { deliveryCount } = context.metadata;
          deliveries.push(deliveryCount);
          if (deliveryCount === 3) context.ack();
          return { bill: 'once' };
        },
        () => ({ options: { ackMode: 'manual', ackWait: 200 } }),
      );
      await billing.order(1);
      expect(values(await billing.results())).toEqual([{ bill: 'once' }]);
      expect(deliveries).toEqual([1, 2, 3]);
    });

    it('publishes only the missing values if an earlier delivery failed between two values', async () => {
      const published: string[] = [];
      await using billing = await start(
        () =>
          async function* (_, { metadata }) {
            for (const part of ['a', 'b', 'c']) {
              if (part === 'c' && metadata.deliveryCount === 1) throw new Error('out of paper');
              published.push(`${part}${metadata.deliveryCount}`);
              yield { part, delivery: metadata.deliveryCount };
            }
          },
        () => ({ options: { retry: { backoff: [10] } } }),
      );
      await billing.order(1);
      expect(values(await billing.results())).toEqual([
        { part: 'a', delivery: 1 },
        { part: 'b', delivery: 1 },
        { part: 'c', delivery: 2 },
      ]);
      expect(published).toEqual(['a1', 'b1', 'a2', 'b2', 'c2']);
    });

    it('fails the handler if a result cannot be published, and retries the message until it can', async () => {
      await using billing = await start(
        () =>
          ({ id }) => ({ id }),
        (name) => ({
          subject: (_, { metadata }) => (metadata.deliveryCount < 3 ? `unused.${name}` : `billed.${name}`),
          options: { retry: { backoff: [10] } },
        }),
      );
      await billing.order(5);
      expect(values(await billing.results())).toEqual([{ id: 5 }]);
      const warnings = billing.logs.of('warn', 'Settlement');
      expect(warnings).toHaveLength(2);
      expect(warnings[0]).toMatch(
        /^Orders\.onOrder: .*delivery 1\) failed.*No stream answered a publish to "unused\.\d+"/,
      );
    });

    it('fails the handler if the handled subject lacks the token', async () => {
      await using billing = await start(
        () =>
          ({ id }) => ({ id }),
        (name) => ({ subject: `billed.${name}.{5}`, options: { retry: { maxDeliver: 1 } } }),
      );
      await billing.order(1);
      expect(await billing.results()).toEqual([]);
      expect(billing.logs.of('error', 'Settlement')).toEqual([
        expect.stringMatching(/the subject "orders\.\d+\.de\.placed" of the handled message has no token 5/),
      ]);
    });
  });
});

describe('@PublishTo', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  /** Runs one order through a handler, and returns the messages on `billed.>`. */
  async function billOne(...providers: (new () => object)[]): Promise<{ subject: string; value: unknown }[]> {
    await using application = await startApplication(server.url, {
      feature: {
        streams: [
          { name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' },
          { name: 'BILLED', subjects: ['billed.>'], storage: 'memory' },
        ],
      },
      providers,
    });
    const jetstream = application.app.get(JetStreamService);
    try {
      await jetstream.publish('orders.placed', { id: 1 });
      await eventually(
        async () => (await jetstream.consumer('ORDERS', 'billing')).info(),
        ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
      );
      const stream = await jetstream.stream('BILLED');
      const { lastSequence } = (await stream.info()).state;
      const messages = await Promise.all(
        Array.from({ length: lastSequence }, (_, i) => stream.getMessage(i + 1)),
      );
      return messages.map((message) => ({ subject: message.subject, value: message.json() }));
    } finally {
      await jetstream.deleteStream('ORDERS');
      await jetstream.deleteStream('BILLED');
    }
  }

  it('publishes each value of an observable; one that errors fails the handler', async () => {
    @Injectable()
    class Orders {
      @JsConsumer({ stream: 'ORDERS', durable: 'billing', retry: { backoff: [10] } })
      @PublishTo('billed.parts')
      onOrder(@Payload() { id }: Order, @Ctx() { metadata }: JetStreamContext): Observable<object> {
        if (metadata.deliveryCount === 1) return throwError(() => new Error('not yet'));
        return from([1, 2, 3].map((part) => ({ id, part })));
      }
    }
    expect((await billOne(Orders)).map(({ value }) => value)).toEqual(
      [1, 2, 3].map((part) => ({ id: 1, part })),
    );
  });

  it('publishes each value of an observable of a handler with guards and interceptors', async () => {
    class Double implements NestInterceptor {
      intercept(_: unknown, next: { handle(): Observable<unknown> }): Observable<unknown> {
        return next.handle().pipe(concatMap((part) => [part, part]));
      }
    }
    @Injectable()
    class Orders {
      @UseGuards(AllowAll)
      @UseInterceptors(Double)
      @JsConsumer({ stream: 'ORDERS', durable: 'billing' })
      @PublishTo('billed.parts')
      onOrder(): Observable<number> {
        return from([1, 2]);
      }
    }
    expect((await billOne(Orders)).map(({ value }) => value)).toEqual([1, 1, 2, 2]);
  });

  it('publishes each value of the observable of a request-scoped handler', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Orders {
      @UseGuards(AllowAll)
      @JsConsumer({ stream: 'ORDERS', durable: 'billing' })
      @PublishTo('billed.parts')
      onOrder(): Observable<number> {
        return from([1, 2, 3]);
      }
    }
    expect((await billOne(Orders)).map(({ value }) => value)).toEqual([1, 2, 3]);
  });

  it('publishes the values before the error of an observable, then the result of its filter', async () => {
    class Placeholder implements ExceptionFilter {
      catch(error: Error): Observable<object> {
        return of({ failed: error.message });
      }
    }
    @Injectable()
    class Orders {
      @UseFilters(Placeholder)
      @JsConsumer({ stream: 'ORDERS', durable: 'billing' })
      @PublishTo('billed.parts')
      onOrder(): Observable<unknown> {
        return concat(
          of({ part: 1 }),
          throwError(() => new Error('no more')),
        );
      }
    }
    expect((await billOne(Orders)).map(({ value }) => value)).toEqual([{ part: 1 }, { failed: 'no more' }]);
  });

  it('retries a message whose observable fails if no filter handles the error', async () => {
    let deliveries = 0;
    class Other implements ExceptionFilter {
      catch(error: Error): Observable<never> {
        return throwError(() => error);
      }
    }
    @Injectable()
    class Orders {
      @UseFilters(Other)
      @JsConsumer({ stream: 'ORDERS', durable: 'billing', retry: { backoff: [10] } })
      @PublishTo('billed.parts')
      onOrder(): Observable<unknown> {
        deliveries++;
        return deliveries === 1 ? throwError(() => new Error('not yet')) : of({ delivery: deliveries });
      }
    }
    expect((await billOne(Orders)).map(({ value }) => value)).toEqual([{ delivery: 2 }]);
  });

  it('publishes the result that an interceptor has mapped', async () => {
    class Envelope implements NestInterceptor {
      intercept(_: unknown, next: { handle(): Observable<unknown> }): Observable<unknown> {
        return next.handle().pipe(map((result) => ({ result })));
      }
    }
    @Injectable()
    class Orders {
      @UseInterceptors(Envelope)
      @JsConsumer({ stream: 'ORDERS', durable: 'billing' })
      @PublishTo('billed.wrapped')
      onOrder(@Payload() order: Order): Order {
        return order;
      }
    }
    expect(await billOne(Orders)).toEqual([{ subject: 'billed.wrapped', value: { result: { id: 1 } } }]);
  });

  it('publishes nothing if an interceptor returns undefined in place of the handler', async () => {
    let handled = 0;
    class Skip implements NestInterceptor {
      intercept(): Observable<unknown> {
        return of(undefined);
      }
    }
    @Injectable()
    class Orders {
      @UseInterceptors(Skip)
      @JsConsumer({ stream: 'ORDERS', durable: 'billing' })
      @PublishTo('billed.skipped')
      onOrder(@Payload() order: Order): Order {
        handled++;
        return order;
      }
    }
    expect(await billOne(Orders)).toEqual([]);
    expect(handled).toBe(0);
  });

  it('publishes to the subject of every decorator, even of one stream', async () => {
    @Injectable()
    class Orders {
      @JsConsumer({ stream: 'ORDERS', durable: 'billing' })
      @PublishTo('billed.ledger')
      @PublishTo('billed.mail')
      onOrder(@Payload() order: Order): Order[] {
        return [order, order];
      }
    }
    expect((await billOne(Orders)).map(({ subject }) => subject).toSorted()).toEqual([
      'billed.ledger',
      'billed.ledger',
      'billed.mail',
      'billed.mail',
    ]);
  });

  it('publishes on another connection if one is named', async () => {
    const { JetStreamModule, getJetStreamToken } = await import('nestjs-nats-jetstream');
    await using other = await NatsTestServer.start();
    @Injectable()
    class Orders {
      @JsConsumer({ stream: 'ORDERS', durable: 'billing' })
      @PublishTo('ledger', { connection: 'ledger' })
      onOrder(@Payload() order: Order): Order {
        return order;
      }
    }
    await using application = await startApplication(server.url, {
      imports: [
        JetStreamModule.forRoot({ name: 'ledger', connection: { servers: other.url } }),
        JetStreamModule.forFeature({
          connection: 'ledger',
          streams: [{ name: 'LEDGER', subjects: ['ledger'], storage: 'memory' }],
        }),
      ],
      feature: { streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' }] },
      providers: [Orders],
    });
    await application.app.get(JetStreamService).publish('orders.placed', { id: 4 });
    const ledger = application.app.get<JetStreamService>(getJetStreamToken('ledger'));
    const stored = await eventually(
      async () => (await (await ledger.stream('LEDGER')).info()).state.messages,
      (messages) => messages > 0,
    );
    expect(stored).toBe(1);
    await application.app.get(JetStreamService).deleteStream('ORDERS');
  });
});
