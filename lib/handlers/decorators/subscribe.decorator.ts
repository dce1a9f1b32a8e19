import { isMessageContract, type MessageContract, type PayloadOf } from '../../contracts/index.js';
import { isMade, type FactoryOptions, type NatsSubscribeOptions } from '../options/index.js';
import type { CheckedDecorator, PayloadMethod } from './checked-decorator.js';
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
/**
 * Receives messages of a contract. Payloads are validated by its schema, and TypeScript checks that the method's first
 * parameter accepts them. The error of an invalid payload is logged.
 */
export function NatsSubscribe<Contract extends MessageContract>(
  message: Contract,
  options?: NatsSubscribeOptions,
): CheckedDecorator<PayloadMethod<PayloadOf<Contract>>>;
export function NatsSubscribe(
  subject: string | MessageContract | FactoryOptions<NatsSubscribeOptions & { readonly subject: string }>,
  options: NatsSubscribeOptions = {},
): HandlerMethodDecorator {
  if (isMessageContract(subject)) {
    return addHandler({ kind: 'subscribe', subject: subject.filter, contract: subject, options });
  }
  if (!isMade(subject)) return addHandler({ kind: 'subscribe', subject, options });
  return addHandler({ kind: 'subscribe', subject: '', options: {}, made: subject });
}
