import type { HandlerConnection } from '../handlers/index.js';
import type { HandlerForm } from '../instruments/index.js';
import type { HandlerMetrics } from './handler-counters.js';

/** A consumer that an application uses. */
export interface UsedConsumer {
  readonly stream: string;
  readonly name: string;
}

/** The streams and consumers that an application uses on one connection. */
export interface UsedResources {
  readonly streams: readonly string[];
  readonly consumers: readonly UsedConsumer[];
}

/** How the name of a stream follows from the source of a handler. Core NATS has no streams. */
const STREAM_OF: Readonly<
  Record<HandlerForm, ((source: string, consumer: unknown) => string[]) | undefined>
> = {
  consumer: (source) => [source],
  ordered: (source) => [source],
  push: (source) => [source],
  batch: (source) => [source],
  event: ofStored,
  request: ofStored,
  'kv-watch': (source) => [`KV_${source}`],
  'object-watch': (source) => [`OBJ_${source}`],
  subscription: undefined,
};

/** The streams of declarations and handlers, and the consumers of handlers that have names of their own. */
export function usedResources(connection: HandlerConnection, handlers: HandlerMetrics): UsedResources {
  const { name, jetstream, declared } = connection;
  const consumers = [...handlers.consumers]
    .filter((observed) => observed.connection === name)
    .map(({ source, consumer }) => ({ stream: source, name: consumer }));
  const ofHandlers = handlers.labels
    .filter((labels) => labels.connection === name)
    .flatMap(
      ({ form, source, consumer }) => STREAM_OF[form as HandlerForm]?.(String(source), consumer) ?? [],
    );
  const streams = new Set([...jetstream.declarations.names, ...declared.streams, ...ofHandlers]);
  return { streams: [...streams].toSorted(), consumers };
}

/** A pattern of a microservice only has a consumer if a stream stores its messages. */
function ofStored(source: string, consumer: unknown): string[] {
  return consumer === '' ? [] : [source];
}
