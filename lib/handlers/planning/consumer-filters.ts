import {
  FILTER_METADATA,
  filterText,
  type JsConsumerOptions,
  widestPatterns,
} from '../../consuming/index.js';
import { subjectsOverlap } from '../../jetstream/index.js';
import type { ConsumerDefinition } from '../discovery/index.js';
import type { HandlerConnection } from '../handler-connection.js';

/** Makes the consumer of a class deliver the subjects that its methods handle, unless it declares its own filters. */
export function withFilters(
  options: JsConsumerOptions,
  { methods }: ConsumerDefinition,
  { jetstream }: HandlerConnection,
): JsConsumerOptions {
  // The server refuses overlapping filters; the wider one also delivers the messages of the narrower one.
  const filters = widestPatterns(methods.flatMap((method) => method.patterns));
  if (filters.length === 0 || options.filterSubjects !== undefined) return options;
  const overlap = filters.some((a) => filters.some((b) => a !== b && subjectsOverlap(a, b)));
  const mayFilter = !overlap && (filters.length === 1 || jetstream.connection.supports('2.10.0'));
  return mayFilter ? { ...options, filterSubjects: filters } : options;
}

/**
 * Stores the filter of a dead-letter handler in the metadata of its consumer, so that other services that use the same
 * name can detect a conflict.
 */
export function withFilterMetadata(
  options: JsConsumerOptions,
  { deadLetters }: ConsumerDefinition,
  { jetstream }: HandlerConnection,
): JsConsumerOptions {
  if (deadLetters === undefined || !jetstream.connection.supports('2.10.0')) return options;
  return { ...options, metadata: { ...options.metadata, [FILTER_METADATA]: filterText(deadLetters) } };
}
