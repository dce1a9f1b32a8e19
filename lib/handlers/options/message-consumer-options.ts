import type { JsConsumerOptions, PullJsConsumerOptions } from '../../consuming/index.js';

/** The options that follow from the contracts of messages. */
type FromContract = 'stream' | 'filterSubjects' | 'schema';

type WithoutSource<Options> = Options extends unknown ? Omit<Options, FromContract> : never;

/** Options of {@link JsConsumer} with a message contract: filters and schema follow from the contract. */
export type MessageConsumerOptions = WithoutSource<JsConsumerOptions> & {
  /** The stream to consume. Default: the stream that stores all messages of the contracts. */
  readonly stream?: string | undefined;
};

/** The options of a pull consumer with a message contract. */
export type PullMessageConsumerOptions = WithoutSource<PullJsConsumerOptions> &
  Pick<MessageConsumerOptions, 'stream'>;
