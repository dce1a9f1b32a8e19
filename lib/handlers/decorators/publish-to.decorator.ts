import type { Observable } from 'rxjs';
import type { PublishSubject, PublishToMetadata, PublishToOptions } from '../../consuming/index.js';
import { onMethod } from './handler-metadata.js';

/** What a handler returns that publishes `Result`s: one, several (each is published), or none. */
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
 * Publishes what a handler of messages returns, before its message is acknowledged: a value, or each value of an
 * iterable (an array, a generator), async iterable or observable, one after another. `undefined` publishes nothing.
 *
 * Every value gets a message id made of stream, consumer and sequence of the handled message, and of its place among
 * the values: where the message is delivered again, the target stream does not store what it has already. That holds
 * for as long as the target stream remembers ids, its `duplicateWindow`.
 *
 * Where a value cannot be published the handler has failed, and its message is retried. What interceptors make of the
 * result is what is published. Several decorators publish to several subjects.
 *
 * A string is published as text, a `Uint8Array` as it is, everything else through the codec. An array is published item
 * by item: return `[array]` for one message that holds it.
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
  options: PublishToOptions<Result> = {},
): PublishToDecorator<Result> {
  const metadata: PublishToMetadata = { subject, options };
  return onMethod((callback) => {
    // Decorators apply from the last to the first; the list reads from the first to the last.
    Reflect.defineMetadata(TARGETS, [metadata, ...getPublishTargets(callback)], callback);
  });
}

/** What {@link PublishTo} says of a method, from the first decorator to the last. */
export function getPublishTargets(callback: object): readonly PublishToMetadata[] {
  return (Reflect.getOwnMetadata(TARGETS, callback) as PublishToMetadata[] | undefined) ?? [];
}
