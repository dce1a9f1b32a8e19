import type { PublishOptions } from '../../jetstream/index.js';

/**
 * How a request or event travels: `jetstream` through a stream, which keeps it until it is handled; `core` straight to
 * whoever listens now.
 */
export type TransportMode = 'jetstream' | 'core';

/** What may be said of one event or request. */
export interface JetStreamRecordOptions extends Omit<PublishOptions, 'codec' | 'signal'> {
  /** Default: `jetstream` for events, `core` for requests, unless the client says otherwise. */
  readonly mode?: TransportMode | undefined;
}
