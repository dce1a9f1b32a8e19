import { isMade, type FactoryOptions, type NatsSubscribeOptions } from '../options/index.js';
import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';

/**
 * Handles core NATS messages on a subject: at most once, without a stream. `@Payload()` is the decoded payload,
 * `@Ctx()` a {@link NatsSubscribeContext}. Errors of the method are logged.
 *
 * @example
 * ```ts
 * @NatsSubscribe('prices.*', { queue: 'tickers' })
 * onPrice(@Payload() price: Price, @Ctx() context: NatsSubscribeContext) {}
 * ```
 */
export function NatsSubscribe(subject: string, options?: NatsSubscribeOptions): HandlerMethodDecorator;
/** With a factory that creates the subject and options at bootstrap, from injected providers, as with `@KvWatch`. */
export function NatsSubscribe(
  options: FactoryOptions<NatsSubscribeOptions & { readonly subject: string }>,
): HandlerMethodDecorator;
export function NatsSubscribe(
  subject: string | FactoryOptions<NatsSubscribeOptions & { readonly subject: string }>,
  options: NatsSubscribeOptions = {},
): HandlerMethodDecorator {
  if (!isMade(subject)) return addHandler({ kind: 'subscribe', subject, options });
  return addHandler({ kind: 'subscribe', subject: '', options: {}, made: subject });
}
