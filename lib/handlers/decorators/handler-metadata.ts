import 'reflect-metadata';
import type { DeadLetterFilter, JetStreamEvent, JsConsumerOptions } from '../../consuming/index.js';
import { ENTRY_PROVIDER } from '../../nest/index.js';
import type {
  KvWatchHandlerOptions,
  MadeOptions,
  ObjectWatchHandlerOptions,
  ResolvedOptions,
  NatsSubscribeOptions,
} from '../options/index.js';
import { declareMethod } from './declared-methods.js';
import { noteHandlerClass } from './unstarted-handlers.js';

/** What a decorator says of a method. */
export type HandlerMetadata =
  | {
      readonly kind: 'consumer';
      readonly options: JsConsumerOptions | ResolvedOptions<JsConsumerOptions>;
      /** Handles dead letters: those that fit. */
      readonly deadLetters?: DeadLetterFilter;
      /** What is wrong with the options of the decorator. */
      readonly mistakes?: readonly string[];
    }
  | KvWatchMetadata
  | ObjectWatchMetadata
  | SubscribeMetadata
  | { readonly kind: 'event'; readonly types: readonly JetStreamEvent['type'][] };

interface KvWatchMetadata {
  readonly kind: 'kv-watch';
  readonly bucket: string;
  readonly options: KvWatchHandlerOptions;
  /** What was given in place of a bucket: it makes what counts, at bootstrap. */
  readonly made?: MadeOptions<KvWatchHandlerOptions & { readonly bucket: string }>;
}

interface ObjectWatchMetadata {
  readonly kind: 'object-watch';
  readonly bucket: string;
  readonly options: ObjectWatchHandlerOptions;
  /** What was given in place of a bucket: it makes what counts, at bootstrap. */
  readonly made?: MadeOptions<ObjectWatchHandlerOptions & { readonly bucket: string }>;
}

interface SubscribeMetadata {
  readonly kind: 'subscribe';
  readonly subject: string;
  readonly options: NatsSubscribeOptions;
  /** What was given in place of a subject: it makes what counts, at bootstrap. */
  readonly made?: MadeOptions<NatsSubscribeOptions & { readonly subject: string }>;
}

/** A decorator of methods. */
export type HandlerMethodDecorator = (
  target: object,
  method: string | symbol,
  descriptor: PropertyDescriptor,
) => void;

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
  // `undefined` stands for no decorator.
  Reflect.defineMetadata(CONSUMER, options ?? null, target);
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

/** A decorator of a handler in a place where none can be. */
export interface MisplacedHandler {
  readonly method: string;
  /** What is wrong, and what to do. */
  readonly problem: string;
}

/** The decorators of a class's members that cannot be handlers. */
export function getMisplacedHandlers(target: object): readonly MisplacedHandler[] {
  return (Reflect.getMetadata(MISPLACED, target) as MisplacedHandler[] | undefined) ?? [];
}

/**
 * Makes a decorator of methods. What cannot be a handler is noted on its class, and reported at bootstrap with every other
 * mistake.
 */
export function onMethod(note: (callback: object) => void): HandlerMethodDecorator {
  return (target, method, descriptor: PropertyDescriptor | undefined) => {
    const misplaced = (type: object, problem: string): void => {
      const others = getMisplacedHandlers(type);
      if (others.some((each) => each.method === String(method))) return;
      Reflect.defineMetadata(MISPLACED, [...others, { method: String(method), problem }], type);
    };
    if (typeof target === 'function') {
      return misplaced(
        target,
        'a handler cannot be a static method: no provider stands behind it; make it an instance method',
      );
    }
    const type = target.constructor;
    if (typeof method === 'symbol') {
      return misplaced(type, 'a handler is called by its name: give the method a name instead of a symbol');
    }
    const callback = descriptor && declareMethod(target, method, descriptor);
    if (!callback) return misplaced(type, 'a handler must be a method; it is a property or an accessor');
    Reflect.defineMetadata(ENTRY_PROVIDER, true, type);
    noteHandlerClass(type);
    note(callback);
  };
}
