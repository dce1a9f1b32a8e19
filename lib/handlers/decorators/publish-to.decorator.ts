import type { Observable } from 'rxjs';
import type {
  ParamsMapper,
  PublishSubject,
  PublishToMetadata,
  PublishToOptions,
} from '../../consuming/index.js';
import {
  isMessageContract,
  type MessageContract,
  type ParamsOf,
  type PayloadInputOf,
} from '../../contracts/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { onMethod } from './handler-metadata.js';

/** The return type of a handler that publishes `Result`s: one, several (each is published), or none. */
export type PublishedResult<Result> =
  Results<Result> | PromiseLike<Results<Result>> | Observable<Result | undefined>;

type Results<Result> =
  Result | Iterable<Result | undefined> | AsyncIterable<Result | undefined> | undefined | void;

/** A decorator of methods that return `Result`s. */
export type PublishToDecorator<Result> = <
  Method extends (...args: never[]) => PublishedResult<Result> | Observable<Result>,
>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

const TARGETS = 'nestjs-nats-jetstream:publish-to';

/**
 * Publishes the result of a message handler before its message is acknowledged: a value, or each value of an iterable
 * (an array, a generator), async iterable or observable, one after another. `undefined` publishes nothing.
 *
 * Every value gets a message id that consists of the stream, consumer and sequence of the handled message and the
 * position of the value. If the message is delivered again, the target stream discards values that it has already
 * stored, within its `duplicateWindow`.
 *
 * If a value cannot be published, the handler counts as failed and its message is retried. If interceptors change the
 * result, the changed result is published. Several decorators publish to several subjects.
 *
 * A string is published as text, a `Uint8Array` as it is, every other value is encoded by the codec. An array is
 * published item by item: return `[array]` to publish it as one message.
 *
 * @example
 * ```ts
 * @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: 'orders.*.placed' })
 * @PublishTo('invoices.{1}')
 * async bill(@Payload() order: Order): Promise<Invoice> {}
 * ```
 */
export function PublishTo<Result = unknown>(
  subject: PublishSubject<Result>,
  options?: PublishToOptions<Result>,
): PublishToDecorator<Result>;
/**
 * Publishes the result of a handler as a message of a contract. The mapper returns the parameters of the subject, and
 * TypeScript checks that the handler returns payloads of the contract. A result that does not match the schema is not
 * published: the handler counts as failed.
 *
 * @example
 * ```ts
 * @JsConsumer(OrderPlaced, { durable: 'billing' })
 * @PublishTo(OrderBilled, (invoice) => ({ id: invoice.orderId }))
 * async bill(@Payload() order: PayloadOf<typeof OrderPlaced>): Promise<Invoice> {}
 * ```
 */
export function PublishTo<Contract extends MessageContract>(
  message: Contract,
  paramsOf: (result: PayloadInputOf<Contract>, message: JetStreamMessage) => ParamsOf<Contract>,
  options?: Omit<PublishToOptions<PayloadInputOf<Contract>>, 'codec'>,
): PublishToDecorator<PayloadInputOf<Contract>>;
export function PublishTo(
  target: PublishSubject<never> | MessageContract,
  second: PublishToOptions<never> | ParamsMapper = {},
  third: PublishToOptions<never> = {},
): PublishToDecorator<unknown> {
  const metadata = read(target, second, third);
  return onMethod((callback) => {
    // Decorators are applied from the last to the first, so the new one goes to the front of the list.
    Reflect.defineMetadata(TARGETS, [metadata, ...getPublishTargets(callback)], callback);
  });
}

function read(
  target: PublishSubject<never> | MessageContract,
  second: PublishToOptions<never> | ParamsMapper,
  options: PublishToOptions<never>,
): PublishToMetadata {
  if (!isMessageContract(target)) {
    return { subject: target, options: second as PublishToOptions<never> };
  }
  const paramsOf = typeof second === 'function' ? second : undefined;
  return { subject: target.filter, contract: target, paramsOf, options };
}

/** The metadata of all {@link PublishTo} decorators of a method, from the first decorator to the last. */
export function getPublishTargets(callback: object): readonly PublishToMetadata[] {
  return (Reflect.getOwnMetadata(TARGETS, callback) as PublishToMetadata[] | undefined) ?? [];
}
