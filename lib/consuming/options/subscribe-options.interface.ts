import type { EnabledOption } from './handler-enabled.js';

/** Options of {@link NatsSubscribe}. */
export interface NatsSubscribeOptions extends EnabledOption {
  /** The queue group in which instances share the messages. Default: every instance gets every message. */
  readonly queue?: string | undefined;
  /** How many messages are handled at once, at most 65,536. Default 1: one after another. */
  readonly concurrency?: number | undefined;
  /**
   * How many messages may be buffered, at most 16,777,216. Further messages are discarded and reported, because core
   * NATS does not store messages. Default 65,536.
   */
  readonly maxPending?: number | undefined;
  /** The name of the connection. Default: `default`. */
  readonly connection?: string | undefined;
}
