import type { PublishOptions } from '../../jetstream/index.js';

/**
 * How a request or event is sent: `jetstream` through a stream, which keeps it until it is handled; `core` directly to
 * current subscribers.
 */
export type TransportMode = 'jetstream' | 'core';

/** Options of one event or request. */
export interface JetStreamRecordOptions extends Omit<PublishOptions, 'codec' | 'signal'> {
  /** Default: `jetstream` for events, `core` for requests, unless the client's options differ. */
  readonly mode?: TransportMode | undefined;
}
