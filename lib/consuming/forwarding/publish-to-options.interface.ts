import type { Codec } from '../../codecs/index.js';
import type { MessageContract } from '../../contracts/index.js';
import type { JetStreamMessage, PublishHeaders } from '../../jetstream/index.js';

/**
 * The subject of results: a fixed subject; a template with tokens of the handled message's subject, counted from 0
 * (`orders.{1}.billed`); or a function of the result and the message.
 */
export type PublishSubject<Result = unknown> =
  string | ((result: Result, message: JetStreamMessage) => string);

/** Options of {@link PublishTo}. */
export interface PublishToOptions<Result = unknown> {
  /** Headers of the published message, or a function that returns them. Default: only the message id. */
  readonly headers?:
    PublishHeaders | ((result: Result, message: JetStreamMessage) => PublishHeaders | undefined) | undefined;
  /** Encodes the payload, and is named in the `Content-Type` header. Default: the codec of the module. */
  readonly codec?: Codec | undefined;
  /** The name of the connection to publish on. Default: the connection of the handler. */
  readonly connection?: string | undefined;
}

/** Returns the parameters of a contract's subject for a result. */
export type ParamsMapper = (result: never, message: JetStreamMessage) => unknown;

/** The metadata of {@link PublishTo}. */
export interface PublishToMetadata {
  readonly subject: PublishSubject<never>;
  /** The message that the results are, in place of a subject. */
  readonly contract?: MessageContract | undefined;
  /** Returns the parameters of the contract's subject. */
  readonly paramsOf?: ParamsMapper | undefined;
  readonly options: PublishToOptions<never>;
}
