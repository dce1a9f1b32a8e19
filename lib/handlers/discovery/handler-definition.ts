import type { HandlerMethod } from '../compile/index.js';
import type { MessageContract } from '../../contracts/index.js';
import type { HandlerMetadata } from '../decorators/index.js';

type MetadataOf<Kind extends HandlerMetadata['kind']> = Extract<HandlerMetadata, { readonly kind: Kind }>;

/** A method with the metadata of its decorator. */
type MethodDefinition<Kind extends HandlerMetadata['kind']> = HandlerMethod & {
  readonly metadata: MetadataOf<Kind>;
};

/**
 * A method that handles the messages of a consumer whose subject matches its patterns; without patterns it handles all
 * of them.
 */
export type RoutedMethod = HandlerMethod & {
  readonly patterns: readonly string[];
  /** The messages that it handles, if it names them by their contracts. */
  readonly contracts: readonly MessageContract[];
};

/** A decorated method, or a class whose decorated methods share one consumer. */
export interface ConsumerDefinition {
  /** The class and method, or the class alone. */
  readonly name: string;
  readonly options: MetadataOf<'consumer'>['options'];
  /** The dead letters to receive, for a handler of dead letters. */
  readonly deadLetters?: MetadataOf<'consumer'>['deadLetters'];
  /** The schedule, for a handler of its runs. */
  readonly schedule?: MetadataOf<'consumer'>['schedule'];
  /** Problems with the options of its decorator. */
  readonly mistakes?: MetadataOf<'consumer'>['mistakes'];
  /** The messages of its consumer, if its decorator names them by their contracts. */
  readonly contracts: readonly MessageContract[];
  readonly methods: readonly [RoutedMethod, ...RoutedMethod[]];
}

export type KvWatchDefinition = MethodDefinition<'kv-watch'>;
export type ObjectWatchDefinition = MethodDefinition<'object-watch'>;
export type SubscribeDefinition = MethodDefinition<'subscribe'>;
export type EventDefinition = MethodDefinition<'event'>;
