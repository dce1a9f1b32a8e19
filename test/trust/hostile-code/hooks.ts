import {
  createParamDecorator,
  Catch,
  Injectable,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type Type,
} from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  AckInterceptor,
  jsonCodec,
  JsConsumer,
  JsHandler,
  KvContext,
  KvWatch,
  ObjectWatch,
  OnDeadLetter,
  PublishTo,
  NatsSubscribe,
  type Codec,
  type JsConsumerOptions,
  type ObjectInfo,
  type StandardSchema,
} from 'nestjs-nats-jetstream';
import { Observable } from 'rxjs';
import { behave, OF_A_GETTER, type Behavior } from './behaviors.js';

/** A message to a handler: `behavior` makes the hook under test misbehave; without it, nothing fails. */
export interface Order {
  readonly id: number;
  readonly behavior?: Behavior | undefined;
  readonly cause?: string | undefined;
}

/** One place where user code runs for a message. */
export interface Hook {
  readonly name: string;
  /** The source of its messages. */
  readonly source: 'stream' | 'key-value' | 'object-store' | 'core';
  /** Handles one message at a time: one that never settles blocks all that follow. */
  readonly sequential?: boolean;
  /** Must return its value synchronously: a promise or another thenable is a value of the wrong type. */
  readonly synchronous?: boolean;
  /** The misbehaviors to test. Default: all. */
  readonly behaviors?: readonly Behavior[];
  /** A failure affects nothing, so it does not have to be reported. */
  readonly silent?: boolean;
  /** The kind of the handler's name, in addition to the class: the class stands for all methods of one consumer. */
  readonly handler?: 'class';
  /** Creates a class with one handler, `on`, that reports its payloads. */
  make(subject: string, durable: string, seen: (order: Order) => void): Type;
}

type Options = Partial<JsConsumerOptions>;

/** Misbehaves if the order requests it; otherwise returns `value`. */
function hostile<T>(order: Partial<Order> | undefined, value: () => T): T {
  return order?.behavior === undefined ? value() : behave(order.behavior, order.cause ?? '');
}

/** Misbehaves in a place whose return value is ignored. */
function throwing(order: Order): void {
  if (order.behavior?.startsWith('throws') === true) behave(order.behavior, order.cause ?? '');
}

const bytesToOrder = (data: Uint8Array): Order => jsonCodec.decode(data) as Order;

function consumer(
  name: string,
  options: Options,
  decorate: readonly MethodDecorator[] = [],
  {
    handler = false,
    ...kind
  }: {
    /** Whether the handler itself misbehaves, or its other action with a message. */
    handler?: boolean | ((order: Order) => unknown);
  } & Pick<Hook, 'sequential' | 'synchronous' | 'behaviors' | 'silent'> = {},
): Hook {
  return {
    ...kind,
    name,
    source: 'stream',
    make(subject, durable, seen) {
      class Hostile {
        on(order: Order | Order[]): unknown {
          const orders = Array.isArray(order) ? order : [order];
          for (const each of orders) if (each.behavior === undefined) seen(each);
          const bad = orders.find(({ behavior }) => behavior !== undefined);
          if (typeof handler === 'function') return handler(bad ?? orders[0]);
          return handler ? hostile(bad, () => order) : order;
        }
      }
      const descriptor = Object.getOwnPropertyDescriptor(Hostile.prototype, 'on') as PropertyDescriptor;
      Payload()(Hostile.prototype, 'on', 0);
      for (const each of decorate) each(Hostile.prototype, 'on', descriptor);
      const identity = options.ordered === true ? {} : { durable, concurrency: 16, ackWait: 60_000 };
      JsConsumer({
        stream: 'HOSTILE',
        filterSubjects: subject,
        retry: { maxDeliver: 2, backoff: [5] },
        ...identity,
        ...options,
      } as JsConsumerOptions)(Hostile.prototype, 'on', descriptor);
      Injectable()(Hostile);
      return Hostile;
    },
  };
}

const OrderParam = createParamDecorator((_: unknown, context) =>
  hostile(context.switchToRpc().getData<Order>(), () => context.switchToRpc().getData<Order>()),
);

@Catch()
class HostileFilter {
  catch(_: unknown, host: { switchToRpc(): { getData<T>(): T } }): Observable<unknown> {
    return hostile(host.switchToRpc().getData<Order>(), () => new Observable());
  }
}

class HostileAck extends AckInterceptor {
  override onSuccess(...args: Parameters<AckInterceptor['onSuccess']>): void | Promise<void> {
    const order = args[0].json<Order>();
    return hostile(order, () => super.onSuccess(...args));
  }
}

class HostileFailureAck extends AckInterceptor {
  override onFailure(...args: Parameters<AckInterceptor['onFailure']>): void | Promise<void> {
    return hostile(args[1].json<Order>(), () => super.onFailure(...args));
  }
}

const schema: StandardSchema = {
  '~standard': {
    version: 1,
    vendor: 'hostile',
    validate: (value) => hostile(value as Order, () => ({ value })),
  },
};

const codec: Codec = {
  contentType: 'application/json',
  encode: (value) => hostile(value as Order, () => jsonCodec.encode(value)),
  decode: (data) => hostile(bytesToOrder(data), () => bytesToOrder(data)),
};

const SYNCHRONOUS = { synchronous: true } as const;

/** An error that carries the order. */
interface Carrying {
  readonly order?: Order;
}

/** Throws an error that carries the order to functions that inspect errors. */
function carry(order: Order): unknown {
  if (order.behavior === undefined) return undefined;
  throw Object.assign(new Error('for the rules'), { order });
}

class HostileClass extends Error {
  static override [Symbol.hasInstance](error: unknown): boolean {
    return hostile((error as Carrying).order, () => false);
  }
}

class HostileStart extends AckInterceptor {
  override onStart(...args: Parameters<AckInterceptor['onStart']>): void {
    return hostile(args[0].json<Order>(), () => super.onStart(...args));
  }
}

/** Wraps the handler, and calls its own hooks from there. */
class HostileAround extends HostileAck {
  override intercept(...args: Parameters<AckInterceptor['intercept']>): Observable<unknown> {
    return super.intercept(...args);
  }
}

class HostileStartAround extends HostileStart {
  override intercept(...args: Parameters<AckInterceptor['intercept']>): Observable<unknown> {
    return super.intercept(...args);
  }
}

class HostileFailureAround extends HostileFailureAck {
  override intercept(...args: Parameters<AckInterceptor['intercept']>): Observable<unknown> {
    return super.intercept(...args);
  }
}

/** A schema that accepts valid orders, and returns its own result for others. */
function schemaWith(result: (order: Order) => unknown): StandardSchema {
  return {
    '~standard': {
      version: 1,
      vendor: 'hostile',
      validate: (value) =>
        ((value as Order).behavior === undefined ? { value } : result(value as Order)) as { value: unknown },
    },
  };
}

/** The result of a handler with `@PublishTo`: an iterable that misbehaves. */
const iterable = (order: Order, misbehave: () => unknown): unknown => ({
  [Symbol.asyncIterator]: () => {
    let given = 0;
    return {
      next: () => (order.behavior === undefined || given++ > 0 ? { done: true } : { value: order.id }),
      ...(misbehave() as object),
    };
  },
});

/** Every place where user code runs for a message that a handler gets. */
export const hooks: readonly Hook[] = [
  consumer('handler', {}, [], { handler: true }),
  consumer('handler with a dead letter', { deadLetter: true }, [], { handler: true }),
  consumer(
    'handler behind an interceptor',
    {},
    [UseInterceptors({ intercept: (_, next) => next.handle() })],
    {
      handler: true,
    },
  ),
  consumer('handler of batches', { batch: { size: 2, maxWait: 5 } }, [], { handler: true }),
  consumer('ordered handler', { ordered: true, deliverPolicy: 'all' }, [], {
    handler: true,
    sequential: true,
  }),
  consumer('handler that acknowledges first', { ackMode: 'first' }, [], { handler: true }),
  consumer('handler that confirms', { ackMode: 'confirmed' }, [], { handler: true }),
  consumer('guard', {}, [
    UseGuards({
      canActivate: (context: { switchToRpc(): { getData<T>(): T } }) =>
        hostile(context.switchToRpc().getData<Order>(), () => true),
    }),
  ]),
  consumer('pipe', {}, [UsePipes({ transform: (value: Order) => hostile(value, () => value) })]),
  consumer('interceptor, before', {}, [
    UseInterceptors({
      intercept: (context, next) => hostile(context.switchToRpc().getData<Order>(), () => next.handle()),
    }),
  ]),
  consumer(
    'interceptor, its observable',
    {},
    [
      UseInterceptors({
        intercept: (context, next) =>
          new Observable((subscriber) => {
            const order = context.switchToRpc().getData<Order>();
            if (order.behavior === 'never settles') return;
            throwing(order);
            const subscription = next.handle().subscribe(subscriber);
            return () => {
              subscription.unsubscribe();
              throwing(order);
            };
          }),
      }),
    ],
    SYNCHRONOUS,
  ),
  consumer('filter', {}, [UseFilters(new HostileFilter())], { handler: true }),
  consumer('schema', { schema }),
  consumer('schema, with a dead letter', { schema, deadLetter: true }),
  consumer('schema of a batch', { schema, batch: { size: 1 } }),
  consumer('schema that returns an invalid result', {
    schema: schemaWith((order) => hostile(order, () => 1)),
  }),
  consumer(
    'issues of a schema',
    {
      schema: schemaWith((order) => ({
        get issues() {
          return hostile(order, () => []);
        },
      })),
    },
    [],
    { behaviors: OF_A_GETTER },
  ),
  consumer(
    'message of an issue',
    {
      schema: schemaWith((order) => ({
        issues: [
          {
            get message() {
              return hostile(order, () => 'text');
            },
          },
        ],
      })),
    },
    [],
    { behaviors: OF_A_GETTER },
  ),
  consumer(
    'path of an issue',
    {
      schema: schemaWith((order) => ({
        issues: [
          { message: 'no', path: { [Symbol.iterator]: () => hostile(order, () => [][Symbol.iterator]()) } },
        ],
      })),
    },
    [],
    { behaviors: OF_A_GETTER },
  ),
  consumer(
    'value of a schema',
    {
      schema: schemaWith((order) => ({
        get value() {
          return hostile(order, () => order);
        },
      })),
    },
    [],
    { behaviors: OF_A_GETTER },
  ),
  consumer('codec', { codec }, [], SYNCHRONOUS),
  consumer('codec of a batch', { codec, batch: { size: 2, maxWait: 5 } }, [], SYNCHRONOUS),
  consumer('orderBy', { orderBy: (message) => hostile(message.json<Order>(), () => 'key') }, [], SYNCHRONOUS),
  consumer(
    'retryIf',
    {
      retry: {
        maxDeliver: 3,
        backoff: [5],
        retryIf: (error) => hostile((error as Carrying).order, () => true),
      },
    },
    [],
    { handler: carry, synchronous: true },
  ),
  consumer(
    'class of retry.errors',
    { retry: { maxDeliver: 2, backoff: [5], errors: [{ type: HostileClass, maxDeliver: 2 }] } },
    [],
    // If `instanceof` throws, it is unknown whether an error is an instance of the class.
    { handler: carry, behaviors: OF_A_GETTER, silent: true },
  ),
  consumer(
    'key of idempotence',
    {
      idempotent: {
        bucket: 'claims',
        ttl: 60_000,
        key: (order: Order) => hostile(order, () => String(order.id)),
      },
    },
    [],
    SYNCHRONOUS,
  ),
  consumer(
    'subject of @PublishTo',
    {},
    [PublishTo((order: Order) => hostile(order, () => 'results.1')) as MethodDecorator],
    SYNCHRONOUS,
  ),
  consumer(
    'headers of @PublishTo',
    {},
    [PublishTo('results.1', { headers: (order: Order) => hostile(order, () => ({})) }) as MethodDecorator],
    SYNCHRONOUS,
  ),
  consumer('codec of @PublishTo', {}, [PublishTo('results.1', { codec }) as MethodDecorator], SYNCHRONOUS),
  consumer('iterator of @PublishTo', {}, [PublishTo('results.1') as MethodDecorator], {
    handler: (order) => ({ [Symbol.asyncIterator]: () => hostile(order, () => [][Symbol.iterator]()) }),
    synchronous: true,
  }),
  consumer('next of an iterator of @PublishTo', {}, [PublishTo('results.1') as MethodDecorator], {
    handler: (order) => iterable(order, () => ({ next: () => hostile(order, () => ({ done: true })) })),
  }),
  consumer(
    'return of an iterator of @PublishTo',
    {},
    [
      PublishTo(() => {
        throw new Error('not published');
      }) as MethodDecorator,
    ],
    {
      handler: (order) => iterable(order, () => ({ return: () => hostile(order, () => undefined) })),
      silent: true,
    },
  ),
  consumer('onStart of a settlement', { settlement: HostileStart }),
  consumer('onStart inside of intercept', { settlement: HostileStartAround }),
  consumer('onSuccess inside of intercept', { settlement: HostileAround }),
  consumer('onFailure inside of intercept', { settlement: HostileFailureAround }, [], { handler: true }),
  consumer('onSuccess of a settlement', { settlement: HostileAck }),
  consumer('onFailure of a settlement', { settlement: HostileFailureAck }, [], { handler: true }),
  {
    name: 'observable of a handler',
    source: 'stream',
    synchronous: true,
    make(subject, durable, seen) {
      class Hostile {
        @JsConsumer({
          stream: 'HOSTILE',
          durable,
          filterSubjects: subject,
          concurrency: 16,
          retry: { maxDeliver: 2, backoff: [5] },
        })
        on(@Payload() order: Order): Observable<unknown> {
          return new Observable((subscriber) => {
            if (order.behavior === undefined) seen(order);
            if (order.behavior === 'never settles') return;
            subscriber.next(order.id);
            subscriber.complete();
            return () => throwing(order);
          });
        }
      }
      Injectable()(Hostile);
      return Hostile;
    },
  },
  {
    name: 'parameter decorator',
    source: 'stream',
    make(subject, durable, seen) {
      @Injectable()
      class Hostile {
        @JsConsumer({
          stream: 'HOSTILE',
          durable,
          filterSubjects: subject,
          concurrency: 16,
          retry: { maxDeliver: 2, backoff: [5] },
        })
        on(@OrderParam() order: Order): void {
          if (order?.behavior === undefined && order?.id !== undefined) seen(order);
        }
      }
      return Hostile;
    },
  },
  {
    name: 'handler of a class',
    source: 'stream',
    handler: 'class',
    make(subject, durable, seen) {
      @Injectable()
      @JsConsumer({
        stream: 'HOSTILE',
        durable,
        filterSubjects: subject,
        concurrency: 16,
        retry: { maxDeliver: 2, backoff: [5] },
      })
      class Hostile {
        @JsHandler(subject)
        on(@Payload() order: Order): unknown {
          if (order.behavior === undefined) seen(order);
          return hostile(order, () => undefined);
        }
      }
      return Hostile;
    },
  },
  {
    name: '@OnDeadLetter',
    source: 'stream',
    make(subject, durable, seen) {
      @Injectable()
      class Hostile {
        @JsConsumer({
          stream: 'HOSTILE',
          durable,
          filterSubjects: subject,
          concurrency: 16,
          deadLetter: true,
          retry: { maxDeliver: 1 },
        })
        fail(): void {
          throw new Error('for the dead letter');
        }

        @OnDeadLetter({
          stream: 'HOSTILE',
          consumer: durable,
          durable: `${durable}-letters`,
          concurrency: 16,
          retry: { maxDeliver: 2, backoff: [5] },
        })
        on(@Payload() order: Order): unknown {
          if (order.behavior === undefined) seen(order);
          return hostile(order, () => undefined);
        }
      }
      return Hostile;
    },
  },
  {
    name: '@KvWatch',
    source: 'key-value',
    sequential: true,
    make(subject, _, seen) {
      @Injectable()
      class Hostile {
        @KvWatch('hostile', { keys: subject })
        on(@Payload() order: Order | null, @Ctx() _context: KvContext): unknown {
          if (order === null) return undefined;
          if (order.behavior === undefined) seen(order);
          return hostile(order, () => undefined);
        }
      }
      return Hostile;
    },
  },
  {
    name: '@ObjectWatch',
    source: 'object-store',
    sequential: true,
    make(subject, _, seen) {
      @Injectable()
      class Hostile {
        @ObjectWatch('hostile')
        on(@Payload() { name, description }: ObjectInfo): unknown {
          if (name !== subject) return undefined;
          const order = JSON.parse(description ?? '{}') as Order;
          if (order.behavior === undefined) seen(order);
          return hostile(order, () => undefined);
        }
      }
      return Hostile;
    },
  },
  {
    name: '@NatsSubscribe',
    source: 'core',
    make(subject, _, seen) {
      @Injectable()
      class Hostile {
        @NatsSubscribe(subject, { concurrency: 16 })
        on(@Payload() order: Order): unknown {
          if (order.behavior === undefined) seen(order);
          return hostile(order, () => undefined);
        }
      }
      return Hostile;
    },
  },
];
