import { isMessageContract, type MessageContract, type PayloadOf } from '../../contracts/index.js';
import { addRoutes, type HandlerMethodDecorator } from './handler-metadata.js';
import type { CheckedDecorator, PayloadMethod } from './checked-decorator.js';

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
export function JsHandler(...patterns: [string, ...string[]]): HandlerMethodDecorator;
/**
 * Handles messages by their contracts. Payloads are validated by the schema of the contract, and TypeScript checks that
 * the method's first parameter accepts them.
 */
export function JsHandler<Contract extends MessageContract>(
  ...messages: [Contract, ...Contract[]]
): CheckedDecorator<PayloadMethod<PayloadOf<Contract>>>;
export function JsHandler(...given: readonly (string | MessageContract)[]): HandlerMethodDecorator {
  // Callers without types may pass no pattern; this mistake is reported at bootstrap.
  const all = given.length > 0 ? given : [''];
  return addRoutes(
    all.map((each) =>
      isMessageContract(each) ? { pattern: each.filter, contract: each } : { pattern: each },
    ),
  );
}
