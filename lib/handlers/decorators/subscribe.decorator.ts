import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';

/** Options of {@link Subscribe}. */
export interface SubscribeOptions {
  /** The queue group in which instances share the messages. Default: every instance gets every message. */
  readonly queue?: string;
  /** How many messages are handled at once. Default 1: one after another. */
  readonly concurrency?: number;
  /** How many messages may wait; what comes then is dropped and reported, as core NATS keeps nothing. Default 65,536. */
  readonly maxPending?: number;
  /** The name of the connection. Default: `default`. */
  readonly connection?: string;
}

/**
 * Handles core NATS messages on a subject: at most once, without a stream. `@Payload()` is the decoded payload, `@Ctx()`
 * a {@link NatsContext}. What the method throws is logged.
 *
 * @example
 * ```ts
 * @Subscribe('prices.*', { queue: 'tickers' })
 * onPrice(@Payload() price: Price, @Ctx() context: NatsContext) {}
 * ```
 */
export function Subscribe(subject: string, options: SubscribeOptions = {}): HandlerMethodDecorator {
  return addHandler({ kind: 'subscribe', subject, options });
}
