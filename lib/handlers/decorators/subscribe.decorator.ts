import { isMade, type MadeOptions, type NatsSubscribeOptions } from '../options/index.js';
import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';

/**
 * Handles core NATS messages on a subject: at most once, without a stream. `@Payload()` is the decoded payload, `@Ctx()`
 * a {@link NatsSubscribeContext}. What the method throws is logged.
 *
 * @example
 * ```ts
 * @NatsSubscribe('prices.*', { queue: 'tickers' })
 * onPrice(@Payload() price: Price, @Ctx() context: NatsSubscribeContext) {}
 * ```
 */
export function NatsSubscribe(subject: string, options?: NatsSubscribeOptions): HandlerMethodDecorator;
/** With a subject and options that are made at bootstrap from what is injected, as with `@KvWatch`. */
export function NatsSubscribe(
  options: MadeOptions<NatsSubscribeOptions & { readonly subject: string }>,
): HandlerMethodDecorator;
export function NatsSubscribe(
  subject: string | MadeOptions<NatsSubscribeOptions & { readonly subject: string }>,
  options: NatsSubscribeOptions = {},
): HandlerMethodDecorator {
  if (!isMade(subject)) return addHandler({ kind: 'subscribe', subject, options });
  return addHandler({ kind: 'subscribe', subject: '', options: {}, made: subject });
}
