import type { Codec } from '../../codecs/index.js';
import type { JetStreamMessage, PublishHeaders } from '../../jetstream/index.js';

/**
 * Where results go: a subject; a subject with tokens of the handled message's one, counted from 0 (`orders.{1}.billed`);
 * or a function of the result and the message.
 */
export type PublishSubject<Result = unknown> =
  string | ((result: Result, message: JetStreamMessage) => string);

/** Options of {@link PublishTo}. */
export interface PublishToOptions<Result = unknown> {
  /** Headers of what is published, or a function that makes them. Default: none but the message id. */
  readonly headers?:
    PublishHeaders | ((result: Result, message: JetStreamMessage) => PublishHeaders | undefined) | undefined;
  /** Makes the payload, and is named in the `Content-Type` header. Default: the codec of the module. */
  readonly codec?: Codec | undefined;
  /** The name of the connection to publish on. Default: the one that the handler consumes on. */
  readonly connection?: string | undefined;
}

/** What {@link PublishTo} says of a method. */
export interface PublishToMetadata {
  readonly subject: PublishSubject<never>;
  readonly options: PublishToOptions<never>;
}
