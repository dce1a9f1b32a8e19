import {
  FILTER_METADATA,
  filterText,
  type JsConsumerOptions,
  widestPatterns,
} from '../../consuming/index.js';
import { subjectsOverlap } from '../../jetstream/index.js';
import type { ConsumerDefinition } from '../discovery/index.js';
import type { HandlerConnection } from '../handler-connection.js';

/** A class's consumer delivers what its methods handle, where it does not say otherwise. */
export function withFilters(
  options: JsConsumerOptions,
  { methods }: ConsumerDefinition,
  { jetstream }: HandlerConnection,
): JsConsumerOptions {
  // The server refuses filters that overlap; the wider one delivers what the narrower one would.
  const filters = widestPatterns(methods.flatMap((method) => method.patterns));
  if (filters.length === 0 || options.filterSubjects !== undefined) return options;
  const overlap = filters.some((a) => filters.some((b) => a !== b && subjectsOverlap(a, b)));
  const mayFilter = !overlap && (filters.length === 1 || jetstream.connection.supports('2.10.0'));
  return mayFilter ? { ...options, filterSubjects: filters } : options;
}

/** The consumer of a handler of dead letters says which ones it takes, for other services that use the same name. */
export function withFilterMetadata(
  options: JsConsumerOptions,
  { deadLetters }: ConsumerDefinition,
  { jetstream }: HandlerConnection,
): JsConsumerOptions {
  if (deadLetters === undefined || !jetstream.connection.supports('2.10.0')) return options;
  return { ...options, metadata: { ...options.metadata, [FILTER_METADATA]: filterText(deadLetters) } };
}
