import { Injectable, ParseIntPipe } from '@nestjs/common';
import { BaseRpcContext, Ctx, NatsContext, Payload } from '@nestjs/microservices';
import {
  HandlerConfigurationError,
  JetStreamBatchContext,
  JetStreamContext,
  JetStreamService,
  JsConsumer,
  JsHandler,
  JsHeaders,
  JsMessage,
  JsMetadata,
  JsSubject,
  KvContext,
  KvWatch,
  ObjectWatch,
  OnDeadLetter,
  OnJetStreamEvent,
  NatsSubscribe,
  type JsConsumerOptions,
  type PullJsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';

describe('mistakes in the configuration of handlers', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  /** Starts an application whose boot must fail, and returns the problems. */
  async function problemsOf(...providers: (new () => object)[]): Promise<string[]> {
    const boot = startApplication(server.url, {
      feature: { streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' }] },
      providers,
    });
    const error: unknown = await boot.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof HandlerConfigurationError)) throw new Error(`no such error: ${String(error)}`);
    const lines = error.problems.map(({ handler, problem }) => `${handler}: ${problem}`);
    // All problems are in the one message that stops the boot.
    for (const line of lines) expect(error.message).toContain(line);
    return lines;
  }

  it('stop the boot before anything is handled', async () => {
    const handled: number[] = [];
    @Injectable()
    class Right {
      @JsConsumer({ stream: 'ORDERS', durable: 'right' })
      onOrder(@Payload() id: number): void {
        handled.push(id);
      }
    }
    @Injectable()
    class Wrong {
      // The server needs more requests to find this problem than to start the other handler.
      @JsConsumer({ stream: 'ORDERS', durable: 'wrong', deliverPolicy: 'new' })
      onOrder(): void {}
    }
    const feature = {
      streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' as const }],
    };
    await using owner = await startApplication(server.url, { feature });
    const jetstream = owner.app.get(JetStreamService);
    await jetstream.createConsumer('ORDERS', { durable: 'wrong' });
    for (let id = 0; id < 100; id++) await jetstream.publish('orders.placed', id);
    expect(await problemsOf(Right, Wrong)).toEqual([
      expect.stringContaining('Wrong.onOrder: Consumer "wrong"'),
    ]);
    const consumer = await jetstream.consumer('ORDERS', 'right');
    expect(handled).toEqual([]);
    expect((await consumer.info()).delivered.consumerSequence).toBe(0);
    await jetstream.deleteStream('ORDERS');
  });

  it('are listed in one error, each with class and method', async () => {
    @Injectable()
    class Billing {
      @JsConsumer({ stream: 'ORDRES', durable: 'a' })
      misspelt(): void {}

      @JsConsumer({ stream: 'ORDERS', durable: 'b', filterSubjects: ['orders.created', 'invoices.*'] })
      uncovered(): void {}

      @JsConsumer({ stream: 'ORDERS', durable: 'c', connection: 'analytics' })
      elsewhere(): void {}

      @JsConsumer({ stream: 'ORDERS', durable: 'd', ackWait: '30s' as unknown as number })
      inWords(): void {}
    }
    @Injectable()
    class Audit {
      @JsConsumer({ stream: 'ORDERS', durable: 'audit', filterSubjects: 'orders.created' })
      created(): void {}

      @JsConsumer({ stream: 'ORDERS', durable: 'audit', filterSubjects: 'orders.cancelled' })
      cancelled(): void {}

      @JsConsumer({ stream: 'ORDERS', durable: 'static' })
      static shared(): void {}
    }
    expect((await problemsOf(Billing, Audit)).sort()).toEqual([
      expect.stringMatching(
        /^Audit\.cancelled: shares the durable "audit" of stream "ORDERS" with Audit\.created, with different options/,
      ),
      expect.stringMatching(/^Audit\.shared: a handler cannot be a static method/),
      expect.stringMatching(/^Billing\.elsewhere: there is no connection "analytics": .* "default"/),
      expect.stringMatching(
        /^Billing\.inWords: ackWait must be a number of milliseconds, 100 or more; it is "30s"/,
      ),
      expect.stringMatching(/^Billing\.misspelt: there is no stream "ORDRES"/),
      expect.stringMatching(
        /^Billing\.uncovered: stream "ORDERS" has no subject that "invoices\.\*" could match; it listens on orders\.>/,
      ),
    ]);
  });

  const wrong: readonly [string, Partial<Record<keyof JsConsumerOptions, unknown>>, RegExp][] = [
    ['a stream with a dot', { stream: 'OR.DERS' }, /stream must be a name/],
    ['a durable with a space', { durable: 'my consumer' }, /durable must be a name/],
    ['an empty filter', { filterSubjects: [''] }, /filterSubjects must be a subject/],
    ['no concurrency', { concurrency: 0 }, /concurrency must be a whole number from 1 to 65536; it is 0$/],
    [
      'a concurrency of millions',
      { concurrency: 3_000_000 },
      /concurrency must be a whole number from 1 to 65536; it is 3000000: use a smaller/,
    ],
    ['a concurrency just above the bound', { concurrency: 65_537 }, /it is 65537: use a smaller/],
    [
      'an infinite concurrency',
      { concurrency: Infinity },
      /concurrency must be .* it is Infinity: use a smaller/,
    ],
    ['an unsafe concurrency', { concurrency: 2 ** 53 }, /concurrency must be .* use a smaller/],
    [
      'a batch of a billion',
      { batch: { size: 1e9 } },
      /batch\.size must be a whole number from 1 to 65536; it is 1000000000/,
    ],
    [
      'batches that are too many together',
      { batch: { size: 1_000 }, concurrency: 100 },
      /batch\.size and concurrency allow 100000 messages in flight, more than 65536/,
    ],
    [
      'a batch without a size',
      { batch: {} },
      /batch\.size must be a whole number from 1 to 65536; it is undefined/,
    ],
    ['a batch of half a message', { batch: { size: 0.5 }, concurrency: 4 }, /batch\.size must be/],
    [
      'a window of a billion',
      { circuitBreaker: { window: 1e9 } },
      /circuitBreaker\.window must be a whole number from 1 to 65536/,
    ],
    ['a buffer of a billion', { maxMessages: 1e9 }, /maxMessages must be a whole number from 1 to 16777216/],
    ['half a concurrency', { concurrency: 1.5 }, /concurrency must be a whole number/],
    ['an ackWait that is too short', { ackWait: 5 }, /ackWait must be .* 100 or more; it is 5/],
    ['an unknown ackMode', { ackMode: 'later' }, /ackMode must be one of "auto", "confirmed", "manual"/],
    ['a maxDeliver of nothing', { retry: { maxDeliver: 0 } }, /retry\.maxDeliver must be a whole number/],
    [
      'a backoff in words',
      { retry: { backoff: [100, 'soon'] } },
      /retry\.backoff\[1\] must be .* it is "soon"/,
    ],
    ['a jitter above 1', { retry: { jitter: 2 } }, /retry\.jitter must be a number from 0 to 1; it is 2/],
    ['a retryIf that is not a function', { retry: { retryIf: true } }, /retry\.retryIf must be a function/],
    [
      'a rule without a class of errors',
      { retry: { errors: [{ type: Error }, { type: 'Error' }] } },
      /retry\.errors\[1\]\.type must be a class of errors/,
    ],
    [
      'a rule with a backoff in words',
      { retry: { errors: [{ type: Error, backoff: ['soon'] }] } },
      /retry\.errors\[0\]\.backoff\[0\] must be .* it is "soon"/,
    ],
    [
      'rules that are not a list',
      { retry: { errors: { type: Error } } },
      /retry\.errors must be a list of rules/,
    ],
    ['an empty backoff', { retry: { backoff: [] } }, /retry\.backoff must be a list of milliseconds/],
    ['two names', { name: 'a', durable: 'b' }, /name and durable must be the same/],
  ];

  it.each(wrong)('%s', async (_, options, words) => {
    @Injectable()
    class Handler {
      @JsConsumer({ stream: 'ORDERS', ...options } as JsConsumerOptions)
      handle(): void {}
    }
    const problems = await problemsOf(Handler);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^Handler\.handle: /);
    expect(problems[0]).toMatch(words);
  });

  it.each([
    [{ concurrency: 65_537 }, 'concurrency must be a whole number from 1 to 65536'],
    [{ maxPending: 1e9 }, 'maxPending must be a whole number from 1 to 16777216'],
    [{ maxPending: Infinity }, 'maxPending must be a whole number from 1 to 16777216'],
  ])('a subscription with %j', async (options, words) => {
    @Injectable()
    class Prices {
      @NatsSubscribe('prices', options)
      onPrice(): void {}
    }
    expect(await problemsOf(Prices)).toEqual([expect.stringContaining(`Prices.onPrice: ${words}`)]);
  });

  it('two handlers on one durable, even with the same options', async () => {
    @Injectable()
    class First {
      @JsConsumer({ stream: 'ORDERS', durable: 'same' })
      handle(): void {}
    }
    @Injectable()
    class Second {
      @JsConsumer({ stream: 'ORDERS', durable: 'same' })
      handle(): void {}
    }
    expect(await problemsOf(First, Second)).toEqual([
      expect.stringMatching(
        /^Second\.handle: shares the durable "same" of stream "ORDERS" with First\.handle: each message/,
      ),
    ]);
  });

  it('a watch with an invalid bucket name or contradictory options', async () => {
    @Injectable()
    class Watches {
      @KvWatch('pro.files')
      dotted(): void {}

      // @ts-expect-error the types exclude it too
      @KvWatch('profiles', { includeHistory: true, updatesOnly: true })
      contradictory(): void {}
    }
    expect((await problemsOf(Watches)).sort()).toEqual([
      expect.stringMatching(/^Watches\.contradictory: includeHistory and updatesOnly cannot be combined/),
      expect.stringMatching(/^Watches\.dotted: bucket must be a name/),
    ]);
  });

  it('a parameter for a single message in a handler that has none or several', async () => {
    @Injectable()
    class Several {
      @JsConsumer({ stream: 'ORDERS', durable: 'several', batch: { size: 10 } })
      handle(@Payload() _: unknown[], @JsMetadata() __: unknown): void {}
    }
    @Injectable()
    class None {
      @KvWatch('profiles')
      onKey(@JsSubject(1) _: unknown): void {}

      @ObjectWatch('documents')
      onObject(@JsMessage() _: unknown, @Payload() __: unknown): void {}

      @NatsSubscribe('orders.>')
      onMessage(@JsHeaders('id') _: unknown, @JsSubject() __: unknown, @JsMetadata() ___: unknown): void {}

      @OnJetStreamEvent('reconnected')
      onEvent(@JsHeaders() _: unknown): void {}
    }
    const problems = (await problemsOf(Several, None)).filter((line) => line.includes('@Js'));
    expect(problems.toSorted()).toEqual([
      'None.onEvent: @JsHeaders needs a message of a stream, and an event is not one: use `@Ctx() context: EventContext`',
      'None.onKey: @JsSubject needs a message of a stream, and a key-value entry is not one: use `@Ctx() context: KvContext`',
      'None.onMessage: @JsMetadata needs a message of a stream, and a core NATS message is not one: use `@Ctx() context: NatsSubscribeContext`',
      'None.onObject: @JsMessage needs a message of a stream, and an object is not one: use `@Ctx() context: ObjectContext`',
      'Several.handle: @JsMetadata needs a message of a stream, and a batch has several: use `@Ctx() context: JetStreamBatchContext` and its `messages`',
    ]);
  });

  it('a class whose routed methods would receive batches', async () => {
    @Injectable()
    @JsConsumer({ stream: 'ORDERS', durable: 'routed', batch: { size: 10 } } as JsConsumerOptions)
    class Routed {
      @JsHandler('orders.created')
      created(@Payload() _: unknown[]): void {}

      @JsHandler('orders.cancelled')
      cancelled(@Payload() _: unknown[]): void {}
    }
    expect(await problemsOf(Routed)).toEqual([
      'Routed: batch does not support @JsHandler: use @JsConsumer on a method',
    ]);
  });

  it('a parameter whose declared type is not what it receives', async () => {
    class Order {
      readonly id!: string;
    }
    class Orders extends Array<Order> {}
    const stream = 'ORDERS';
    const batch = { size: 10 };
    const durable = (name: string): PullJsConsumerOptions => ({ stream, durable: name });
    @Injectable()
    class Contexts {
      @JsConsumer(durable('message'))
      message(@Payload() _: Order, @Ctx() __: KvContext): void {}

      @JsConsumer({ ...durable('batch'), batch })
      batch(@Payload() _: Order[], @Ctx() __: JetStreamContext): void {}

      @OnDeadLetter()
      letter(@Payload() _: Order, @Ctx() __: JetStreamBatchContext): void {}

      @KvWatch('profiles')
      key(@Ctx() _: JetStreamContext): void {}

      @ObjectWatch('documents')
      object(@Ctx() _: KvContext): void {}

      @NatsSubscribe('orders.>')
      subject(@Ctx() _: NatsContext): void {}

      @OnJetStreamEvent('reconnected')
      event(@Ctx() _: JetStreamContext): void {}

      @JsConsumer(durable('swapped'))
      swapped(_: JetStreamContext): void {}
    }
    @Injectable()
    class Payloads {
      @JsConsumer({ ...durable('one'), batch } as JsConsumerOptions)
      one(@Payload() _: Order): void {}

      @JsConsumer({ ...durable('undecorated'), batch } as JsConsumerOptions)
      undecorated(_: string): void {}

      @JsConsumer({ ...durable('field'), batch } as JsConsumerOptions)
      field(@Payload('id') _: string): void {}
    }
    @Injectable()
    class Right {
      @JsConsumer({ ...durable('r1'), batch })
      list(@Payload() _: Order[], @Ctx() __: JetStreamBatchContext): void {}

      @JsConsumer({ ...durable('r2'), batch })
      readonly(@Payload() _: readonly Order[] | null, @Ctx() __: BaseRpcContext): void {}

      @JsConsumer({ ...durable('r3'), batch })
      iterable(@Payload() _: Iterable<Order>): void {}

      @JsConsumer({ ...durable('r4'), batch } as JsConsumerOptions)
      piped(@Payload(new ParseIntPipe()) _: number, @Payload() __: Orders): void {}

      @OnDeadLetter({ stream: 'OTHER' })
      letter(@Payload() _: Order, @Ctx() __: JetStreamContext): void {}
    }
    const problems = await problemsOf(Contexts, Payloads, Right);
    expect(problems.filter((line) => !line.includes('there is no')).toSorted()).toEqual([
      'Contexts.batch: `@Ctx()` is declared as JetStreamContext, and a handler of batches receives a JetStreamBatchContext: declare it as JetStreamBatchContext',
      'Contexts.event: `@Ctx()` is declared as JetStreamContext, and a handler of events receives an EventContext: declare it as EventContext',
      'Contexts.key: `@Ctx()` is declared as JetStreamContext, and a handler of key-value entries receives a KvContext: declare it as KvContext',
      'Contexts.letter: `@Ctx()` is declared as JetStreamBatchContext, and a handler of dead letters receives a DeadLetterContext: declare it as DeadLetterContext',
      'Contexts.message: `@Ctx()` is declared as KvContext, and a handler of messages receives a JetStreamContext: declare it as JetStreamContext',
      'Contexts.object: `@Ctx()` is declared as KvContext, and a handler of objects receives an ObjectContext: declare it as ObjectContext',
      'Contexts.subject: `@Ctx()` is declared as NatsContext, and a handler of core NATS messages receives a NatsSubscribeContext: declare it as NatsSubscribeContext',
      'Contexts.swapped: a parameter of type JetStreamContext receives the payload: decorate it with `@Ctx()`',
      "Payloads.field: `@Payload('id')` reads a field of one payload, and a batch has several: use `@Payload()` with an array",
      'Payloads.one: `@Payload()` is declared as Order, and a batch has several payloads: declare it as an array',
      'Payloads.undecorated: `@Payload()` is declared as String, and a batch has several payloads: declare it as an array',
    ]);
  });

  it('a watch of a bucket that does not exist', async () => {
    @Injectable()
    class Watches {
      @KvWatch('nowhere')
      handle(): void {}
    }
    expect(await problemsOf(Watches)).toEqual([
      expect.stringMatching(
        /^Watches\.handle: there is no bucket "nowhere": declare it in JetStreamModule\.forFeature/,
      ),
    ]);
  });

  it('an option that an existing consumer cannot change', async () => {
    @Injectable()
    class Before {
      @JsConsumer({ stream: 'ORDERS', durable: 'fixed', deliverPolicy: 'new' })
      handle(): void {}
    }
    @Injectable()
    class After {
      @JsConsumer({ stream: 'ORDERS', durable: 'fixed', deliverPolicy: 'all' })
      handle(): void {}
    }
    const feature = { streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' as const }] };
    await (await startApplication(server.url, { feature, providers: [Before] }))[Symbol.asyncDispose]();
    expect(await problemsOf(After)).toEqual([
      expect.stringMatching(
        /^After\.handle: Consumer "fixed" of stream "ORDERS" does not match its declaration \(deliverPolicy: "new" → "all"\): these options cannot be changed/,
      ),
    ]);
  });
});
