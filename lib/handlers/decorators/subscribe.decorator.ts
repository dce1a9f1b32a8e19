import { isMade, type MadeOptions, type SubscribeOptions } from '../options/index.js';
import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';

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
