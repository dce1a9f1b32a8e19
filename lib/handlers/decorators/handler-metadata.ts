import 'reflect-metadata';
import type { DeadLetterFilter } from '../dead-letters/index.js';
import type { JetStreamEvent } from '../events/index.js';
import type { JsConsumerOptions } from './js-consumer-options.interface.js';
import type { KvWatchOptions } from './kv-watch.decorator.js';
import type { ObjectWatchHandlerOptions } from './object-watch.decorator.js';
import type { MadeOptions, ResolvedOptions } from './resolved-options.js';
import type { SubscribeOptions } from './subscribe.decorator.js';

/** What a decorator says of a method. */
export type HandlerMetadata =
  | {
      readonly kind: 'consumer';
      readonly options: JsConsumerOptions | ResolvedOptions<JsConsumerOptions>;
      /** Handles dead letters: those that fit. */
      readonly deadLetters?: DeadLetterFilter;
    }
  | KvWatchMetadata
  | ObjectWatchMetadata
  | SubscribeMetadata
  | { readonly kind: 'event'; readonly types: readonly JetStreamEvent['type'][] };

interface KvWatchMetadata {
  readonly kind: 'kv-watch';
  readonly bucket: string;
  readonly options: KvWatchOptions;
  /** Makes what counts, at bootstrap. */
  readonly made?: MadeOptions<KvWatchMetadata>;
}

interface ObjectWatchMetadata {
  readonly kind: 'object-watch';
  readonly bucket: string;
  readonly options: ObjectWatchHandlerOptions;
  /** Makes what counts, at bootstrap. */
  readonly made?: MadeOptions<ObjectWatchMetadata>;
}

interface SubscribeMetadata {
  readonly kind: 'subscribe';
  readonly subject: string;
  readonly options: SubscribeOptions;
  /** Makes what counts, at bootstrap. */
  readonly made?: MadeOptions<SubscribeMetadata>;
}

/** A decorator of methods. */
export type HandlerMethodDecorator = (
  target: object,
  method: string | symbol,
  descriptor: PropertyDescriptor,
) => void;

// Where Nest looks for classes that are called from outside, so that request-scoped global enhancers are made for them.
const ENTRY_PROVIDER = '__entryProvider__';
const HANDLERS = 'nestjs-nats-jetstream:handlers';
const ROUTES = 'nestjs-nats-jetstream:routes';
const CONSUMER = 'nestjs-nats-jetstream:consumer';
const MISPLACED = 'nestjs-nats-jetstream:misplaced-handlers';

/** Notes a handler on its method. One method may carry several: each is a handler of its own. */
export function addHandler(handler: HandlerMetadata): HandlerMethodDecorator {
  return onMethod((callback) => {
    // Decorators apply from the last to the first; the list reads from the first to the last.
    Reflect.defineMetadata(HANDLERS, [handler, ...getHandlers(callback)], callback);
  });
}

/** Notes the patterns of a method that shares its class's consumer. */
export function addRoute(patterns: readonly string[]): HandlerMethodDecorator {
  return onMethod((callback) => {
    Reflect.defineMetadata(ROUTES, [...patterns, ...getRoutes(callback)], callback);
  });
}

/** Notes the consumer that the methods of a class share. */
export function addClassHandler(
  target: object,
  options: JsConsumerOptions | ResolvedOptions<JsConsumerOptions>,
): void {
  Reflect.defineMetadata(ENTRY_PROVIDER, true, target);
  Reflect.defineMetadata(CONSUMER, options, target);
}

/** The handlers noted on a method. */
export function getHandlers(callback: object): readonly HandlerMetadata[] {
  return (Reflect.getOwnMetadata(HANDLERS, callback) as HandlerMetadata[] | undefined) ?? [];
}

/** The patterns noted on a method. */
export function getRoutes(callback: object): readonly string[] {
  return (Reflect.getOwnMetadata(ROUTES, callback) as string[] | undefined) ?? [];
}

/** The consumer that the methods of a class share, its own or inherited. */
export function getClassHandler(
  target: object,
): JsConsumerOptions | ResolvedOptions<JsConsumerOptions> | undefined {
  return Reflect.getMetadata(CONSUMER, target) as
    JsConsumerOptions | ResolvedOptions<JsConsumerOptions> | undefined;
}

/** The names of a class's static methods that carry a handler decorator. */
export function getMisplacedHandlers(target: object): readonly string[] {
  return (Reflect.getMetadata(MISPLACED, target) as string[] | undefined) ?? [];
}

/**
 * A static method belongs to no provider and can be no handler: it is noted on its class, and reported at bootstrap with
 * every other mistake.
 */
function onMethod(note: (callback: object) => void): HandlerMethodDecorator {
  return (target, method, descriptor) => {
    if (typeof target === 'function') {
      Reflect.defineMetadata(MISPLACED, [...getMisplacedHandlers(target), String(method)], target);
      return;
    }
    const callback: unknown = descriptor.value;
    if (typeof callback !== 'function') return;
    Reflect.defineMetadata(ENTRY_PROVIDER, true, target.constructor);
    note(callback);
  };
}
