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
  PublishTo,
  Subscribe,
  type Codec,
  type JsConsumerOptions,
  type ObjectInfo,
  type StandardSchema,
} from 'nestjs-nats-jetstream';
import { Observable } from 'rxjs';
import { behave, type Behavior } from './behaviors.js';

/** What is sent to a handler: `behavior` makes the hook under test misbehave, without one all is well. */
export interface Order {
  readonly id: number;
  readonly behavior?: Behavior | undefined;
  readonly cause?: string | undefined;
}

/** One place where user code runs for a message. */
export interface Hook {
  readonly name: string;
  /** How messages come to it. */
  readonly source: 'stream' | 'key-value' | 'object-store' | 'core';
  /** Handles one after the other: one that never settles holds up all that follow. */
  readonly sequential?: boolean;
  /** Has to give its value at once: a promise or another thenable is a value of the wrong type. */
  readonly synchronous?: boolean;
  /** The handler's name beside its class: the class stands for all methods of one consumer. */
  readonly handler?: 'class';
  /** Makes a class with one handler, `on`, that tells what it was given. */
  make(subject: string, durable: string, seen: (order: Order) => void): Type;
}

type Options = Partial<JsConsumerOptions>;

/** Misbehaves if it is asked to; otherwise gives `value`. */
function hostile<T>(order: Partial<Order> | undefined, value: () => T): T {
  return order?.behavior === undefined ? value() : behave(order.behavior, order.cause ?? '');
}

/** Misbehaves where what is returned is not looked at. */
function throwing(order: Order): void {
  if (order.behavior?.startsWith('throws') === true) behave(order.behavior, order.cause ?? '');
}

const bytesToOrder = (data: Uint8Array): Order => jsonCodec.decode(data) as Order;

function consumer(
  name: string,
  options: Options,
  decorate: readonly MethodDecorator[] = [],
  { handler = false, ...kind }: { handler?: boolean } & Pick<Hook, 'sequential' | 'synchronous'> = {},
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
  consumer('codec', { codec }, [], SYNCHRONOUS),
  consumer('codec of a batch', { codec, batch: { size: 2, maxWait: 5 } }, [], SYNCHRONOUS),
  consumer('orderBy', { orderBy: (message) => hostile(message.json<Order>(), () => 'key') }, [], SYNCHRONOUS),
  consumer(
    'retryIf',
    {
      retry: {
        maxDeliver: 3,
        backoff: [5],
        retryIf: (error) => hostile({ behavior: behaviorOf(error), cause: causeOf(error) }, () => true),
      },
    },
    [],
    { handler: true },
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
  consumer('onSuccess of the AckInterceptor', { ackInterceptor: HostileAck }),
  consumer('onFailure of the AckInterceptor', { ackInterceptor: HostileFailureAck }, [], { handler: true }),
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
    name: '@Subscribe',
    source: 'core',
    make(subject, _, seen) {
      @Injectable()
      class Hostile {
        @Subscribe(subject, { concurrency: 16 })
        on(@Payload() order: Order): unknown {
          if (order.behavior === undefined) seen(order);
          return hostile(order, () => undefined);
        }
      }
      return Hostile;
    },
  },
];

/** `retryIf` sees errors only; the handler has put into their text what to do. */
function behaviorOf(error: unknown): Behavior | undefined {
  return error instanceof Error && error.message.startsWith('hostile') ? 'throws' : undefined;
}

function causeOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}
