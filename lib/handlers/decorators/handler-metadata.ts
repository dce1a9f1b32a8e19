import 'reflect-metadata';
import type { DeadLetterFilter, JetStreamEvent, JsConsumerOptions } from '../../consuming/index.js';
import type { MessageContract } from '../../contracts/index.js';
import { ENTRY_PROVIDER } from '../../nest/index.js';
import type { DeclaredSchedule } from '../../schedules/index.js';
import type {
  KvWatchHandlerOptions,
  FactoryOptions,
  MessageConsumerOptions,
  ObjectWatchHandlerOptions,
  ResolvedOptions,
  NatsSubscribeOptions,
} from '../options/index.js';
import { declareMethod } from './declared-methods.js';
import { noteHandlerClass } from './unstarted-handlers.js';

/** The options of a consumer; without stream and filters if the decorator names messages by their contracts. */
export type DeclaredConsumerOptions =
  | JsConsumerOptions
  | MessageConsumerOptions
  | ResolvedOptions<JsConsumerOptions>
  | ResolvedOptions<MessageConsumerOptions>;

/** A consumer as a decorator declares it. */
export interface DeclaredConsumer {
  readonly options: DeclaredConsumerOptions;
  /** The messages to consume, if the decorator names them by their contracts. */
  readonly contracts?: readonly MessageContract[];
  /** Problems with the arguments of the decorator. */
  readonly mistakes?: readonly string[];
}

/** The subjects that a method of a class handles: a pattern, or the contract of a message. */
export interface DeclaredRoute {
  readonly pattern: string;
  readonly contract?: MessageContract;
}

/** The metadata that a decorator stores for a method. */
export type HandlerMetadata =
  | (DeclaredConsumer & {
      readonly kind: 'consumer';
      /** The dead letters that the handler receives, if it handles dead letters. */
      readonly deadLetters?: DeadLetterFilter;
      /** The schedule whose runs the handler receives, if it has one. */
      readonly schedule?: DeclaredSchedule;
    })
  | KvWatchMetadata
  | ObjectWatchMetadata
  | SubscribeMetadata
  | { readonly kind: 'event'; readonly types: readonly JetStreamEvent['type'][] };

interface KvWatchMetadata {
  readonly kind: 'kv-watch';
  readonly bucket: string;
  readonly options: KvWatchHandlerOptions;
  /**
   * A factory that creates the bucket name and options at bootstrap, if the decorator received one instead of a bucket.
   */
  readonly made?: FactoryOptions<KvWatchHandlerOptions & { readonly bucket: string }>;
}

interface ObjectWatchMetadata {
  readonly kind: 'object-watch';
  readonly bucket: string;
  readonly options: ObjectWatchHandlerOptions;
  /**
   * A factory that creates the bucket name and options at bootstrap, if the decorator received one instead of a bucket.
   */
  readonly made?: FactoryOptions<ObjectWatchHandlerOptions & { readonly bucket: string }>;
}

interface SubscribeMetadata {
  readonly kind: 'subscribe';
  readonly subject: string;
  readonly options: NatsSubscribeOptions;
  /** The message to receive, if the decorator names it by its contract. */
  readonly contract?: MessageContract;
  /**
   * A factory that creates the subject and options at bootstrap, if the decorator received one instead of a subject.
   */
  readonly made?: FactoryOptions<NatsSubscribeOptions & { readonly subject: string }>;
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

/**
 * Stores a handler in the metadata of its method. A method may have several decorators; each one declares a separate
 * handler.
 */
export function addHandler(handler: HandlerMetadata): HandlerMethodDecorator {
  return onMethod((callback) => {
    // Decorators are applied from the last to the first, so the new one goes to the front of the list.
    Reflect.defineMetadata(HANDLERS, [handler, ...getHandlers(callback)], callback);
  });
}

/** Stores the routes of a method that shares the consumer of its class. */
export function addRoutes(routes: readonly DeclaredRoute[]): HandlerMethodDecorator {
  return onMethod((callback) => {
    Reflect.defineMetadata(ROUTES, [...routes, ...getRoutes(callback)], callback);
  });
}

/** Stores the consumer that the methods of a class share. */
export function addClassHandler(target: object, consumer: DeclaredConsumer): void {
  Reflect.defineMetadata(ENTRY_PROVIDER, true, target);
  Reflect.defineMetadata(CONSUMER, consumer, target);
}

/** The handlers stored in the metadata of a method. */
export function getHandlers(callback: object): readonly HandlerMetadata[] {
  return (Reflect.getOwnMetadata(HANDLERS, callback) as HandlerMetadata[] | undefined) ?? [];
}

/** The routes stored in the metadata of a method. */
export function getRoutes(callback: object): readonly DeclaredRoute[] {
  return (Reflect.getOwnMetadata(ROUTES, callback) as DeclaredRoute[] | undefined) ?? [];
}

/** The consumer that the methods of a class share, declared on the class or inherited. */
export function getClassHandler(target: object): DeclaredConsumer | undefined {
  return Reflect.getMetadata(CONSUMER, target) as DeclaredConsumer | undefined;
}

/** A handler decorator on a class member that cannot be a handler. */
export interface MisplacedHandler {
  readonly method: string;
  /** What is wrong, and how to correct it. */
  readonly problem: string;
}

/** The decorators on members of a class that cannot be handlers. */
export function getMisplacedHandlers(target: object): readonly MisplacedHandler[] {
  return (Reflect.getMetadata(MISPLACED, target) as MisplacedHandler[] | undefined) ?? [];
}

/**
 * Creates a method decorator. A decorated member that cannot be a handler is registered on its class and reported at
 * bootstrap, together with all other mistakes.
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
        'a handler cannot be a static method, which belongs to no provider; make it an instance method',
      );
    }
    const type = target.constructor;
    if (typeof method === 'symbol') {
      return misplaced(type, 'a handler cannot be a method named by a symbol: name it by a string');
    }
    const callback = descriptor && declareMethod(target, method, descriptor);
    if (!callback) return misplaced(type, 'a handler must be a method; it is a property or an accessor');
    Reflect.defineMetadata(ENTRY_PROVIDER, true, type);
    noteHandlerClass(type);
    note(callback);
  };
}
