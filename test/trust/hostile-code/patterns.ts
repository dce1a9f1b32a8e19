import {
  Catch,
  Controller,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type ArgumentsHost,
  type ExecutionContext,
  type Type,
} from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { JetStreamMessage } from 'nestjs-nats-jetstream';
import {
  JetStreamRecord,
  type EventExtras,
  type JetStreamRequestContext,
  type RequestExtras,
} from 'nestjs-nats-jetstream/microservice';
import { Observable } from 'rxjs';
import { behave, OF_A_GETTER, type Behavior } from './behaviors.js';

/** A message to a pattern; `at` names the place at which user code misbehaves according to `behavior`. */
export interface PatternOrder {
  readonly id: string;
  readonly at?: string;
  readonly behavior?: Behavior;
  readonly cause?: string;
}

/** The kind of a microservice handler. */
export type PatternKind = 'event' | 'core event' | 'request' | 'durable request';

/** A place where user code runs for a message of a microservice. */
export interface PatternHook {
  readonly name: string;
  readonly kind: PatternKind;
  /** The misbehaviors to test. Default: all. */
  readonly behaviors?: readonly Behavior[];
  /** Must return its value synchronously. */
  readonly synchronous?: boolean;
  /** A failure does not have to be reported. */
  readonly silent?: boolean;
  /** Prevents an answer: the request is rejected before its handler, or remains unanswered. */
  readonly unanswered?: boolean;
  /** The place at which it misbehaves for an order. */
  readonly at: string;
  /** The caller unsubscribes after the first answer. */
  readonly leaves?: boolean;
  /** Creates the controller of the hook, whose handler calls `seen` for valid orders. */
  controller(subject: string, seen: (order: PatternOrder) => void): Type;
}

/** Misbehaves if the order requests it for this place; otherwise returns `value`. */
export function at<T>(place: string, order: Partial<PatternOrder> | undefined, value: () => T): T {
  if (order?.at !== place || order.behavior === undefined) return value();
  return behave(order.behavior, order.cause ?? '');
}

const EXTRAS: Readonly<Record<PatternKind, EventExtras & RequestExtras>> = {
  event: {},
  'core event': { mode: 'core' },
  request: { mode: 'core', concurrency: 64 },
  'durable request': { mode: 'jetstream' },
} as never;

/** Creates the decorator of a kind of pattern. */
function pattern(kind: PatternKind, subject: string, extras: object = {}): MethodDecorator {
  const decorate = kind.endsWith('event') ? EventPattern : MessagePattern;
  return decorate(subject, { ...EXTRAS[kind], ...extras } as never) as MethodDecorator;
}

type Handle = (order: PatternOrder, context: JetStreamRequestContext) => unknown;

/** A controller with one handler, decorated as given. */
function controllerOf(
  kind: PatternKind,
  subject: string,
  seen: (order: PatternOrder) => void,
  handle: Handle,
  decorate: readonly MethodDecorator[] = [],
  extras: object = {},
): Type {
  class Hostile {
    on(order: PatternOrder, context: JetStreamRequestContext): unknown {
      if (order.behavior === undefined) seen(order);
      return handle(order, context);
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Hostile.prototype, 'on') as PropertyDescriptor;
  Payload()(Hostile.prototype, 'on', 0);
  Ctx()(Hostile.prototype, 'on', 1);
  for (const each of decorate) each(Hostile.prototype, 'on', descriptor);
  pattern(kind, subject, extras)(Hostile.prototype, 'on', descriptor);
  Controller()(Hostile);
  return Hostile;
}

const orderOf = (context: ExecutionContext): PatternOrder => context.switchToRpc().getData<PatternOrder>();
const plain: Handle = ({ id }) => id;

@Catch()
class HostileFilter {
  catch(_: unknown, host: ArgumentsHost): Observable<unknown> {
    return at('filter', host.switchToRpc().getData<PatternOrder>(), () => new Observable());
  }
}

/** The same place for every kind of pattern. */
function everyKind(
  name: string,
  handle: Handle,
  {
    decorate = [],
    extras = {},
    kinds = KINDS,
    ...hook
  }: Partial<PatternHook> & {
    readonly decorate?: readonly MethodDecorator[];
    readonly extras?: object;
    readonly kinds?: readonly PatternKind[];
  } = {},
): PatternHook[] {
  return kinds.map((kind) => ({
    at: name,
    ...hook,
    name: `${kind}: ${name}`,
    kind,
    controller: (subject, seen) => controllerOf(kind, subject, seen, handle, decorate, extras),
  }));
}

const KINDS: readonly PatternKind[] = ['event', 'core event', 'request', 'durable request'];
const STORED: readonly PatternKind[] = ['event', 'durable request'];
const ANSWERED: readonly PatternKind[] = ['request', 'durable request'];

/** Every place where user code runs for a message of a microservice. */
export const patternHooks: readonly PatternHook[] = [
  ...everyKind('handler', (order) => at('handler', order, () => order.id)),
  ...everyKind('guard', plain, {
    decorate: [UseGuards({ canActivate: (context) => at('guard', orderOf(context), () => true) })],
  }),
  ...everyKind('pipe', plain, {
    decorate: [UsePipes({ transform: (value: PatternOrder) => at('pipe', value, () => value) })],
  }),
  ...everyKind('interceptor', plain, {
    decorate: [
      UseInterceptors({
        intercept: (context, next) => at('interceptor', orderOf(context), () => next.handle()),
      }),
    ],
  }),
  ...everyKind(
    'filter',
    (order) => {
      if (order.behavior !== undefined) throw new Error('for the filter');
      return order.id;
    },
    // Nest treats an error thrown by a filter as an internal error, which it hides.
    { decorate: [UseFilters(new HostileFilter())], silent: true },
  ),
  ...everyKind(
    'observable',
    (order) =>
      new Observable((subscriber) => {
        at('observable', order, () => undefined);
        subscriber.next(order.id);
        subscriber.complete();
      }),
    { behaviors: ['throws', 'throws undefined', 'throws an unprintable value'] },
  ),
  ...everyKind(
    'teardown',
    (order) =>
      new Observable((subscriber) => {
        // It completes in a timer, where an error of the teardown would be thrown.
        setTimeout(() => {
          subscriber.next(order.id);
          subscriber.complete();
        }, 1);
        return () => at('teardown', order, () => undefined);
      }),
    { behaviors: ['throws', 'throws undefined', 'throws an unprintable value'], silent: true },
  ),
  ...everyKind(
    'iterator',
    (order) => ({
      [Symbol.asyncIterator]: () => at('iterator', order, () => valuesOf(order)),
    }),
    { synchronous: true, silent: true },
  ),
  ...everyKind('next of an iterator', (order) => ({
    [Symbol.asyncIterator]: () => {
      const values = valuesOf(order);
      return {
        next: () => at('next of an iterator', order, () => values.next()),
        return: () => values.return(undefined),
      };
    },
  })),
  ...everyKind(
    'return of an iterator',
    (order) => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ value: order.id }),
        return: () => at('return of an iterator', order, () => ({ done: true, value: undefined })),
      }),
    }),
    { kinds: ['request'], leaves: true },
  ),
  ...everyKind('answer', (order) => ({ toJSON: () => at('answer', order, () => order.id) }), {
    kinds: ANSWERED,
    behaviors: OF_A_GETTER,
  }),
  ...everyKind(
    'headers of an answer',
    (order) => {
      const headers = {
        get name() {
          return at('headers of an answer', order, () => 'value');
        },
      };
      return new JetStreamRecord(order.id, { headers });
    },
    { kinds: ['request'], behaviors: OF_A_GETTER },
  ),
  ...everyKind('orderBy', plain, {
    kinds: STORED,
    synchronous: true,
    unanswered: true,
    extras: { orderBy: (message: JetStreamMessage) => at('orderBy', dataOf(message), () => 'key') },
  }),
  ...everyKind(
    'retryIf',
    (order) => {
      if (order.behavior !== undefined) throw Object.assign(new Error('for retryIf'), { order });
      return order.id;
    },
    {
      kinds: STORED,
      synchronous: true,
      extras: {
        retry: {
          maxDeliver: 2,
          backoff: [5],
          retryIf: (error: { readonly order?: PatternOrder }) => at('retryIf', error.order, () => true),
        },
      },
    },
  ),
  // Places that apply to the whole server.
  ...everyKind('codec of the server', plain, { synchronous: true }),
  ...everyKind('start hook', plain),
  ...everyKind('end hook', plain),
  ...everyKind('onStart of settlement', plain, { kinds: STORED }),
  ...everyKind('onSuccess of settlement', plain, { kinds: STORED }),
  ...everyKind(
    'onFailure of settlement',
    (order) => {
      if (order.behavior !== undefined) throw new Error('for onFailure');
      return order.id;
    },
    { kinds: STORED, unanswered: true },
  ),
  ...everyKind(
    'listener of the signal',
    (order, context) => {
      context.signal.addEventListener('abort', () => at('listener of the signal', order, () => undefined));
      return new Observable((subscriber) => subscriber.next(order.id));
    },
    { kinds: ['request'], leaves: true },
  ),
];

async function* valuesOf(order: PatternOrder): AsyncGenerator<string> {
  yield order.id;
}

/** The order in a message, bare or in an envelope. */
export function dataOf(message: { json<T>(): T }): PatternOrder {
  const value = message.json<PatternOrder & { readonly data?: PatternOrder }>();
  return value.data ?? value;
}
