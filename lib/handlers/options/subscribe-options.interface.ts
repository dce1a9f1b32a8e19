/** Options of {@link NatsSubscribe}. */
export interface NatsSubscribeOptions {
  /** The queue group in which instances share the messages. Default: every instance gets every message. */
  readonly queue?: string | undefined;
  /** How many messages are handled at once, 65,536 at the most. Default 1: one after another. */
  readonly concurrency?: number | undefined;
  /**
   * How many messages may wait, 16,777,216 at the most; what comes then is dropped and reported, as core NATS keeps nothing.
   * Default 65,536.
   */
  readonly maxPending?: number | undefined;
  /** The name of the connection. Default: `default`. */
  readonly connection?: string | undefined;
}
