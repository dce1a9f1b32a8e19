import { addRoute, type HandlerMethodDecorator } from './handler-metadata.js';

/**
 * Handles those messages of its class's {@link JsConsumer} whose subject matches one of the patterns; wildcards `*` and
 * `>` are allowed. If several methods match, the most specific one is called: tokens are compared from the first on,
 * and a literal token takes precedence over `*`, and `*` over `>`. A message that no method matches is terminated, with
 * a dead letter if one is configured.
 *
 * If the consumer declares no `filterSubjects`, the patterns of all its methods are used (nats-server 2.10; older
 * servers deliver the whole stream).
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
  // Callers without types may pass no pattern; this mistake is reported at bootstrap.
  return addRoute(patterns.length > 0 ? patterns : ['']);
}
