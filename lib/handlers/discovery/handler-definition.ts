import type { HandlerMetadata } from '../decorators/index.js';
import type { HandlerMethod } from '../compile/index.js';

/** A handler as it was found: the method, and what its decorator says. */
export type HandlerDefinition = HandlerMethod & { readonly metadata: HandlerMetadata };
export type ConsumerDefinition = HandlerDefinition & { readonly metadata: { readonly kind: 'consumer' } };
export type KvWatchDefinition = HandlerDefinition & { readonly metadata: { readonly kind: 'kv-watch' } };

export function isConsumer(definition: HandlerDefinition): definition is ConsumerDefinition {
  return definition.metadata.kind === 'consumer';
}

export function isKvWatch(definition: HandlerDefinition): definition is KvWatchDefinition {
  return definition.metadata.kind === 'kv-watch';
}
