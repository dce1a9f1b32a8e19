import { addRoute, type HandlerMethodDecorator } from './handler-metadata.js';

/**
 * Handles those messages of its class's {@link JsConsumer} whose subject matches one of the patterns; wildcards `*` and
 * `>` allowed. Where several methods match, the most specific one is called: a token beats `*`, and `*` beats `>`,
 * from the first token on. A message that none matches is terminated, with a dead letter where one is set.
 *
 * Where the consumer declares no `filterSubjects`, they are the patterns of all its methods (nats-server 2.10; older
 * ones deliver the whole stream).
 *
 * @example
 * ```ts
 * @JsConsumer({ stream: 'ORDERS', durable: 'audit' })
 * export class Audit {
 *   @JsHandler('orders.created') created(@Payload() order: Order) {}
 *   @JsHandler('orders.*.cancelled') cancelled(@Payload() order: Order) {}
 * }
 * ```
 */
export function JsHandler(...patterns: [string, ...string[]]): HandlerMethodDecorator {
  // Callers without types may give none; that is reported at bootstrap.
  return addRoute(patterns.length > 0 ? patterns : ['']);
}
