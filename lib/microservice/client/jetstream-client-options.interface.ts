import type { DefaultHeaders, PublishDefaults } from '../../jetstream/index.js';
import type { TransportConnectionOptions } from '../transport-connection-options.interface.js';
import type { TransportMode } from './jetstream-record-options.interface.js';

/** Options of a {@link JetStreamClient}. Durations in milliseconds. */
export interface JetStreamClientOptions extends TransportConnectionOptions {
  /** The name of the connection in logs and errors. Default: `client`. */
  readonly name?: string | undefined;
  /**
   * How long a request waits for its first answer, and from one answer to the next; `Infinity`: no limit. Default
   * 30,000.
   */
  readonly timeout?: number | undefined;
  /** How requests are sent if their record does not specify it. Default `core`. */
  readonly mode?: TransportMode | undefined;
  /**
   * Sent with every request and event, or a function that is called for each of them and returns headers, for example a
   * correlation id. Headers of a record replace them. If the function throws, the call fails with an
   * {@link InvalidArgumentError}.
   */
  readonly headers?: DefaultHeaders | undefined;
  /** Defaults for publishing to streams. Not together with a `JetStreamService`, which has its own. */
  readonly publish?: PublishDefaults | undefined;
}
