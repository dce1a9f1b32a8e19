import type { Codec } from '../codecs/index.js';
import type { ConnectionSource, JetStreamOptions } from '../connection/index.js';
import type { JetStreamInstrument } from '../instruments/index.js';
import type { JetStreamService } from '../jetstream/index.js';

/** The connection options of a server or client. Durations in milliseconds. */
export interface TransportConnectionOptions {
  /**
   * The options of `@nats-io/transport-node`'s `connect`, unchanged; or a `NatsConnection` or the `JetStreamService` of
   * a `JetStreamModule`, which are shared and left open. Default: a server at 127.0.0.1:4222.
   */
  readonly connection?: ConnectionSource | JetStreamService | undefined;
  /** How JetStream is accessed: domain, API prefix, timeout. Not together with a `JetStreamService`. */
  readonly jetstream?: JetStreamOptions | undefined;
  /**
   * Encodes and decodes packets. Default: JSON, as in Nest's own NATS transport; any other codec must be set on both
   * sides. Without this option, messages through a stream use the stream's codec, if one was declared with it.
   */
  readonly codec?: Codec | undefined;
  /** Observe messages, requests and events. Not together with a `JetStreamService`, whose application has its own. */
  readonly instruments?: readonly JetStreamInstrument[] | undefined;
}
