import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';
import { isMade, type MadeOptions } from './resolved-options.js';

/** Options of {@link Subscribe}. */
export interface SubscribeOptions {
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
export function Subscribe(subject: string, options?: SubscribeOptions): HandlerMethodDecorator;
/** With a subject and options that are made at bootstrap from what is injected, as with `@KvWatch`. */
export function Subscribe(
  options: MadeOptions<SubscribeOptions & { readonly subject: string }>,
): HandlerMethodDecorator;
export function Subscribe(
  subject: string | MadeOptions<SubscribeOptions & { readonly subject: string }>,
  options: SubscribeOptions = {},
): HandlerMethodDecorator {
  if (!isMade(subject)) return addHandler({ kind: 'subscribe', subject, options });
  return addHandler({ kind: 'subscribe', subject: '', options: {}, made: subject });
}
