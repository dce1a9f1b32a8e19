import { setTimeout as delay } from 'node:timers/promises';
import {
  Injectable,
  Module,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  AckInterceptor,
  MessageSettlement,
  HandlerConfigurationError,
  JetStreamContext,
  JetStreamService,
  JsConsumer,
  type SettlementOption,
  type JetStreamMessage,
  type JsConsumerOptions,
  type SettlementPolicy,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { catchError, concatMap, finalize, from, of, type Observable } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

/** The events in order; emptied before each test. */
const trace: string[] = [];

/** A provider of the handler's module that other modules cannot inject. */
@Injectable()
class Journal {
  note(line: string): void {
    trace.push(line);
  }
}

/** Overrides hooks, so it is called directly. */
@Injectable()
class JournalAck extends MessageSettlement {
  constructor(private readonly journal: Journal) {
    super();
  }

  override onStart(message: JetStreamMessage, policy: SettlementPolicy): void {
    this.journal.note('start');
    super.onStart(message, policy);
  }

  override onSuccess(message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void> {
    this.journal.note('success');
    return super.onSuccess(message, policy);
  }

  override onFailure(
    error: unknown,
    message: JetStreamMessage,
    policy: SettlementPolicy,
  ): void | Promise<void> {
    this.journal.note(`failure ${(error as Error).message}`);
    return super.onFailure(error, message, policy);
  }
}

/** Overrides `intercept`, so handlers run inside it. */
@Injectable()
class AroundAck extends AckInterceptor {
  override intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const rpc = context.switchToRpc();
    const { subject } = rpc.getContext<JetStreamContext>();
    trace.push(`around ${context.getClass().name}.${context.getHandler().name} ${subject}`);
    trace.push(`data ${JSON.stringify(rpc.getData())} ${JSON.stringify(context.getArgByIndex(0))}`);
    return super.intercept(context, next).pipe(finalize(() => trace.push('done')));
  }
}

/** Replaces the rules: terminates the message in every case. */
class TerminateAll implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { message } = context.switchToRpc().getContext<JetStreamContext>();
    return next.handle().pipe(
      catchError((error: unknown) => of(`failed: ${(error as Error).message}`)),
      concatMap((result: unknown) => {
        trace.push(`terminated ${String(result)}`);
        message.term();
        return from([result]);
      }),
    );
  }
}

describe('the ack interceptor', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    trace.length = 0;
  });

  /** Starts a handler in its own module, publishes numbers to it, and waits until all messages are settled. */
  async function run(
    options: Partial<JsConsumerOptions>,
    numbers: readonly unknown[],
    moduleDefault?: SettlementOption,
  ): Promise<TestApplication> {
    const stream = `NUMBERS_${++serial}`;
    @Injectable()
    class Numbers {
      @JsConsumer({
        stream,
        durable: 'worker',
        retry: { maxDeliver: 2, backoff: [10] },
        ...options,
      } as JsConsumerOptions)
      async onNumber(@Payload() number: number | number[]): Promise<string> {
        await delay(1);
        trace.push(`handles ${String(number)}`);
        if (typeof number === 'number' && number < 0) throw new Error('negative');
        return 'result';
      }
    }
    @Module({ providers: [Numbers, Journal] })
    class NumbersModule {}
    const application = await startApplication(server.url, {
      feature: { streams: [{ name: stream, subjects: [`numbers.${serial}`], storage: 'memory' }] },
      imports: [NumbersModule],
      options: moduleDefault ? { handlers: { settlement: moduleDefault } } : {},
    });
    const jetstream = application.app.get(JetStreamService);
    for (const number of numbers) await jetstream.publish(`numbers.${serial}`, number);
    const consumer = await jetstream.consumer(stream, 'worker');
    await eventually(
      () => consumer.info(),
      ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
    );
    return application;
  }

  it('of a handler can be a subclass, which can inject providers of the module of the handler', async () => {
    await using _ = await run({ settlement: JournalAck }, [1, -1]);
    expect(trace).toEqual([
      'start',
      'handles 1',
      'success',
      'start',
      'handles -1',
      'failure negative',
      'start',
      'handles -1',
      'failure negative',
    ]);
  });

  it('of the module applies to all its handlers except those with their own', async () => {
    await using _ = await run({}, [1], JournalAck);
    expect(trace).toEqual(['start', 'handles 1', 'success']);
    trace.length = 0;
    await using __ = await run({ settlement: AckInterceptor }, [2], JournalAck);
    expect(trace).toEqual(['handles 2']);
  });

  it('can be an instance, and settles batches', async () => {
    const journal = new JournalAck(new Journal());
    await using _ = await run({ settlement: journal, batch: { size: 2, maxWait: 10_000 } }, [1, 2]);
    expect(trace).toEqual(['start', 'start', 'handles 1,2', 'success', 'success']);
  });

  it('that overrides intercept wraps the handler, with the payload and the context', async () => {
    await using application = await run({ settlement: AroundAck }, [1, -1]);
    const around = [`around Numbers.onNumber numbers.${serial}`];
    expect(trace).toEqual([
      ...around,
      'data 1 1',
      'handles 1',
      'done',
      ...around,
      'data -1 -1',
      'handles -1',
      'done',
      ...around,
      'data -1 -1',
      'handles -1',
      'done',
    ]);
    expect(application.logs.of('error', 'Settlement')).toEqual([
      expect.stringContaining('failed in its last delivery, 2 of 2 (it is not delivered again): negative'),
    ]);
  });

  it('can be any interceptor that settles messages', async () => {
    await using _ = await run({ settlement: TerminateAll }, [1, -1, '{ not json']);
    expect(trace).toEqual([
      'handles 1',
      'terminated result',
      'handles -1',
      'terminated failed: negative',
      expect.stringMatching(/^terminated failed: the payload is not application\/json/),
    ]);
  });

  it('that passes an error on leaves the message to the usual rules', async () => {
    const transparent: NestInterceptor = { intercept: (_, next) => next.handle() as Observable<unknown> };
    await using application = await run({ settlement: transparent }, [-1]);
    expect(trace).toEqual(['handles -1', 'handles -1']);
    expect(application.logs.of('error', 'Settlement')).toHaveLength(1);
  });

  it('whose hook fails is reported, and the message is redelivered after ackWait', async () => {
    let failed = false;
    class Stumbling extends AckInterceptor {
      override onSuccess(message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void> {
        if (failed) return super.onSuccess(message, policy);
        failed = true;
        throw new Error('stumbled');
      }
    }
    await using application = await run({ settlement: Stumbling, ackWait: 100 }, [1]);
    expect(trace).toEqual(['handles 1', 'handles 1']);
    expect(application.logs.of('error', 'Settlement')).toEqual([
      expect.stringMatching(
        /^Numbers\.onNumber: the message on .* was not settled by Stumbling\.onSuccess, which failed: stumbled\. It will be delivered again after ackWait\.$/,
      ),
    ]);
  });

  it.each([
    [
      'onStart',
      3,
      ['handles 1'],
      / Stumbling\.onStart failed: stumbled\. The handler is called nevertheless\.$/,
    ],
    [
      'onFailure',
      1,
      ['handles -1'],
      / not settled by Stumbling\.onFailure, which failed: stumbled\. It is not delivered again\.$/,
    ],
    [
      'onSuccess',
      3,
      ['handles 1', 'handles 1', 'handles 1'],
      / not settled by Stumbling\.onSuccess, which failed: stumbled\. It will be delivered again after ackWait\.$/,
    ],
  ] as const)(
    'whose %s fails says what becomes of the message (deliveries: %d)',
    async (hook, deliveries, handled, words) => {
      class Stumbling extends MessageSettlement {}
      Object.defineProperty(Stumbling.prototype, hook, {
        value: () => {
          throw new Error('stumbled');
        },
      });
      const number = handled[0] === 'handles 1' ? 1 : -1;
      await using application = await run(
        { settlement: Stumbling, ackWait: 100, retry: { maxDeliver: deliveries, backoff: [10] } },
        [],
      );
      const jetstream = application.app.get(JetStreamService);
      await jetstream.publish(`numbers.${serial}`, number);
      await eventually(
        () => trace,
        ({ length }) => length === handled.length,
      );
      const reports = await eventually(
        () => application.logs.of('error', 'Settlement'),
        ({ length }) => length > 0,
      );
      expect(trace).toEqual(handled);
      expect(reports[0]).toMatch(words);
    },
  );

  it('that is a subclass with its own onFailure gets the failures before its call too', async () => {
    class Ignoring extends AckInterceptor {
      override intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
        return super.intercept(context, next);
      }

      override onFailure(error: unknown, message: JetStreamMessage): void {
        trace.push(`ignores ${(error as Error).message}`);
        message.ack();
      }
    }
    const orderBy = (): never => {
      throw new Error('no key');
    };
    await using application = await run({ settlement: Ignoring, orderBy }, [1]);
    expect(trace).toEqual([expect.stringMatching(/^ignores .*no key/)]);
    expect(application.logs.of('warn', 'Settlement')).toEqual([]);
  });

  it('that cannot be created, or is not an interceptor, stops the boot', async () => {
    class Lost extends AckInterceptor {
      constructor(readonly nothing: Map<string, string>) {
        super();
      }
    }
    Reflect.defineMetadata('design:paramtypes', [Map], Lost);
    const wrong: readonly [Partial<JsConsumerOptions>, RegExp][] = [
      [{ settlement: Lost as never }, /Numbers\.onNumber: its settlement cannot be created: .*Map/],
      [{ settlement: Journal as never }, /Numbers\.onNumber: settlement must be an object with onStart/],
      [
        { settlement: AroundAck, batch: { size: 2 } },
        /Numbers\.onNumber: batch does not support an interceptor as settlement/,
      ],
    ];
    for (const [options, words] of wrong) {
      const error: unknown = await run(options, []).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(HandlerConfigurationError);
      expect((error as Error).message).toMatch(words);
    }
  });
});
