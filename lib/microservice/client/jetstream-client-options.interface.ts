import type { PublishDefaults, PublishHeaders } from '../../jetstream/index.js';
import type { TransportConnectionOptions } from '../transport-link.js';
import type { TransportMode } from './jetstream-record-options.interface.js';

/** Options of a {@link JetStreamClient}. Durations in milliseconds. */
export interface JetStreamClientOptions extends TransportConnectionOptions {
  /** What the connection is called in logs and errors. Default: `client`. */
  readonly name?: string | undefined;
  /**
   * How long a request waits for its first answer, and from one answer to the next; `Infinity`: without end.
   * Default 30,000.
   */
  readonly timeout?: number | undefined;
  /** How requests travel where their record does not say. Default `core`. */
  readonly mode?: TransportMode | undefined;
  /** Sent with every request and event; those of a record replace them. */
  readonly headers?: PublishHeaders | undefined;
  /** Defaults of all that is published to streams. Not together with a `JetStreamService`, which has its own. */
  readonly publish?: PublishDefaults | undefined;
}
