import { Logger } from '@nestjs/common';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { Codec } from '../../codecs/index.js';
import { toConnectionError } from '../../connection/index.js';
import {
  BucketNotFoundError,
  RevisionNotReachedError,
  SequenceNotReachedError,
  StreamNotFoundError,
} from '../../errors/index.js';
import { type JetStreamMessage, WatchFeed } from '../../jetstream/index.js';
import type { Bucket } from '../bucket.js';
import { headerText } from '../header-text.js';
import { validateKeyFilter } from '../key-names.js';
import { BaseEntry, type KeyValueEntry, type KeyValueOperation, operationOf } from '../key-value-entry.js';
import { checkWatchOptions, type KeyValueWatchOptions, watchStart } from './watch-options.js';

const logger = new Logger('KeyValue');

/**
 * The changes of keys: first their current values, then every change.
 *
 * @param heartbeat in milliseconds. Default 5,000
 * @throws {@link InvalidKeyError} if filters are invalid
 * @throws {@link InvalidArgumentError} if options contradict each other
 */
export function keyValueFeed<T>(
  bucket: Bucket<T>,
  keys: readonly string[],
  options: KeyValueWatchOptions,
  heartbeat?: number,
): WatchFeed<KeyValueEntry<T>> {
  checkWatchOptions(options);
  for (const key of keys) validateKeyFilter(bucket.name, key);
  const { ignoreDeletes = false, metaOnly } = options;
  const { api, connection } = bucket.jetstream;
  return new WatchFeed<KeyValueEntry<T>>({
    api,
    stream: bucket.stream,
    origin: bucket.origin,
    replicated: bucket.replicated,
    subjects: (keys.length === 0 ? ['>'] : keys).map((key) => bucket.prefix + key),
    start: watchStart(options),
    headersOnly: metaOnly,
    missingStreamPatience: connection.timeout,
    heartbeat,
    namePrefix: 'kv_watch',
    read: (message, revision, initial) => {
      const operation = operationOf(headerText(message.msg));
      if (ignoreDeletes && operation !== 'PUT') return undefined;
      return new WatchEntry(bucket, operation, message, revision, initial, bucket.codec) as KeyValueEntry<T>;
    },
    onRestart: () =>
      logger.warn(`Bucket "${bucket.name}" was deleted and created again: it is watched from its start`),
    errorFor: (thrown) => toWatchError(thrown, bucket),
  });
}

function toWatchError<T>(thrown: unknown, { name, jetstream }: Bucket<T>): Error {
  const error = toConnectionError(thrown, jetstream.connection);
  if (error instanceof StreamNotFoundError)
    return new BucketNotFoundError('Key-Value', name, { cause: error });
  if (error instanceof SequenceNotReachedError) {
    return new RevisionNotReachedError(name, error.sequence, error.last, { cause: error });
  }
  return error;
}

/** The headers of the message of a change from a watch. */
export function messageHeadersOf(entry: KeyValueEntry<unknown>): MsgHdrs | undefined {
  return entry instanceof WatchEntry ? entry.headers : undefined;
}

/** A change from a watch; its acknowledgement subject is parsed on demand. */
class WatchEntry<T> extends BaseEntry<T> {
  constructor(
    bucket: Bucket<T>,
    operation: KeyValueOperation,
    private readonly message: JetStreamMessage,
    readonly revision: number,
    readonly initial: boolean,
    codec: Codec<T>,
  ) {
    super(bucket.name, bucket.keyOf(message.subject), operation, message.data, codec);
  }

  get headers(): MsgHdrs | undefined {
    return this.message.headers;
  }

  get created(): Date {
    return this.message.metadata.timestamp;
  }

  get delta(): number {
    return this.message.metadata.pending;
  }
}
