import type { HandlerMethod } from '../compile/index.js';
import type { HandlerMetadata } from '../decorators/index.js';

type MetadataOf<Kind extends HandlerMetadata['kind']> = Extract<HandlerMetadata, { readonly kind: Kind }>;

/** A method with what its decorator says. */
type MethodDefinition<Kind extends HandlerMetadata['kind']> = HandlerMethod & {
  readonly metadata: MetadataOf<Kind>;
};

/** A method that handles the messages of a consumer whose subject matches; all of them where no pattern is given. */
export type RoutedMethod = HandlerMethod & { readonly patterns: readonly string[] };

/** A decorated method, or a class with its decorated methods: they share one consumer. */
export interface ConsumerDefinition {
  /** Class and method, or the class alone. */
  readonly name: string;
  readonly options: MetadataOf<'consumer'>['options'];
  /** For a handler of dead letters: which ones. */
  readonly deadLetters?: MetadataOf<'consumer'>['deadLetters'];
  /** What is wrong with the options of its decorator. */
  readonly mistakes?: MetadataOf<'consumer'>['mistakes'];
  readonly methods: readonly [RoutedMethod, ...RoutedMethod[]];
}

export type KvWatchDefinition = MethodDefinition<'kv-watch'>;
export type ObjectWatchDefinition = MethodDefinition<'object-watch'>;
export type SubscribeDefinition = MethodDefinition<'subscribe'>;
export type EventDefinition = MethodDefinition<'event'>;
