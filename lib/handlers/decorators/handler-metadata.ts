import 'reflect-metadata';
import type { JsConsumerOptions } from './js-consumer-options.interface.js';
import type { KvWatchOptions } from './kv-watch.decorator.js';

/** What a decorator says of a method. */
export type HandlerMetadata =
  | { readonly kind: 'consumer'; readonly options: JsConsumerOptions }
  | { readonly kind: 'kv-watch'; readonly bucket: string; readonly options: KvWatchOptions };

/** A decorator of methods. */
export type HandlerMethodDecorator = (
  target: object,
  method: string | symbol,
  descriptor: PropertyDescriptor,
) => void;

const HANDLERS = 'nestjs-nats-jetstream:handlers';
const ENTRY_PROVIDER = '__entryProvider__';
const MISPLACED = 'nestjs-nats-jetstream:misplaced-handlers';

/**
 * Notes a handler on its method. One method may carry several: each is a handler of its own.
 *
 * A static method belongs to no provider and can be no handler; it is noted on its class, and reported at bootstrap
 * with every other mistake.
 */
export function addHandler(handler: HandlerMetadata): HandlerMethodDecorator {
  return (target, method, descriptor) => {
    if (typeof target === 'function') {
      const misplaced = getMisplacedHandlers(target);
      Reflect.defineMetadata(MISPLACED, [...misplaced, String(method)], target);
    } else {
      const callback: unknown = descriptor.value;
      if (typeof callback !== 'function') return;
      // Tells Nest that the class is called from outside, so that request-scoped global enhancers are made for it.
      Reflect.defineMetadata(ENTRY_PROVIDER, true, target.constructor);
      // Decorators apply from the last to the first; the list reads from the first to the last.
      Reflect.defineMetadata(HANDLERS, [handler, ...getHandlers(callback)], callback);
    }
  };
}

/** The handlers noted on a method. */
export function getHandlers(callback: object): readonly HandlerMetadata[] {
  return (Reflect.getOwnMetadata(HANDLERS, callback) as HandlerMetadata[] | undefined) ?? [];
}

/** The names of a class's static methods that carry a handler decorator. */
export function getMisplacedHandlers(target: object): readonly string[] {
  return (Reflect.getMetadata(MISPLACED, target) as string[] | undefined) ?? [];
}
