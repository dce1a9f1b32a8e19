import { Logger } from '@nestjs/common';
import type { MsgHdrs } from '@nats-io/transport-node';
import { toConnectionError } from '../connection/index.js';
import { BucketNotFoundError, StreamNotFoundError } from '../errors/index.js';
import {
  CALL_OPTIONS,
  type CallOptions,
  type JetStreamMessage,
  type OrderedPushStart,
  WatchFeed,
  WatchIterator,
} from '../jetstream/index.js';
import { errorText, heldBackText, ReportLimiter } from '../reporting/index.js';
import { notTogether, optionsCheck } from '../validation/index.js';
import type { ObjectCatalog } from './object-catalog.js';
import { type ObjectInfo, objectInfoOf } from './object-info.js';

/** Options of a watch. `timeout` and `signal` apply until it is active. */
export type ObjectWatchOptions = (
  | {
      /** Delivers only changes from now on. Default `false`. */
      readonly updatesOnly?: boolean | undefined;
      readonly includeHistory?: false | undefined;
    }
  | {
      readonly updatesOnly?: false | undefined;
      /** Starts with all stored descriptions of each object, instead of only the last one. Default `false`. */
      readonly includeHistory?: boolean | undefined;
    }
) &
  CallOptions & {
    /** Skips the markers of deleted objects. Default `false`. */
    readonly ignoreDeletes?: boolean | undefined;
  };

/** @throws {@link InvalidArgumentError} */
export const checkWatchOptions = optionsCheck<ObjectWatchOptions>('watch', {
  ...CALL_OPTIONS,
  ignoreDeletes: true,
  includeHistory: true,
  updatesOnly: true,
});

/** A description delivered by a watch. */
export interface ObjectWatchEntry extends ObjectInfo {
  /** Whether the object was already in the bucket when the watch began; these descriptions come first. */
  readonly initial: boolean;
}

/**
 * The descriptions of a bucket's objects as an async iterable: first the existing ones, then each change, in order. It
 * continues after reconnects and server restarts, and ends with `stop`, `drain` or `break`, or with an error if it
 * cannot continue. It can be iterated once. A description that is replaced before the server has sent it is not
 * delivered.
 *
 * @example
 * ```ts
 * for await (const info of await store.watch({ ignoreDeletes: true })) show(info.name, info.size);
 * ```
 */
export class ObjectStoreWatch extends WatchIterator<ObjectWatchEntry> {}

/** The headers of the messages of descriptions, which are not part of the description itself. */
const messageHeaders = new WeakMap<ObjectWatchEntry, JetStreamMessage>();

/** The headers of the message of a description from a watch. */
export function objectHeadersOf(entry: ObjectWatchEntry): MsgHdrs | undefined {
  return messageHeaders.get(entry)?.headers;
}

const logger = new Logger('ObjectStoreWatch');

/** Heartbeats show that there is nothing more to send, which lists wait for; in milliseconds. */
const HEARTBEAT = 1_000;

/**
 * The descriptions of all objects and links of a bucket.
 *
 * @throws {@link InvalidArgumentError} if options contradict each other
 */
export function objectFeed(
  catalog: ObjectCatalog,
  options: ObjectWatchOptions = {},
): WatchFeed<ObjectWatchEntry> {
  const { ignoreDeletes = false } = checkWatchOptions(options);
  const { names, jetstream, origin, replicated } = catalog;
  const { bucket } = names;
  const unreadable = new ReportLimiter();
  const describe = (message: JetStreamMessage, revision: number): ObjectInfo | undefined => {
    try {
      return objectInfoOf(message, bucket, revision);
    } catch (error) {
      // An invalid description must not end the watch of all others.
      const heldBack = unreadable.admit('description');
      if (heldBack !== undefined)
        logger.warn(`A watch skipped an object: ${errorText(error)}${heldBackText(heldBack)}`);
      return undefined;
    }
  };
  return new WatchFeed({
    api: jetstream.api,
    stream: names.stream,
    origin,
    replicated,
    subjects: [names.allInfos],
    start: startOf(options),
    heartbeat: HEARTBEAT,
    namePrefix: 'object_watch',
    // A description that is replaced during the initial delivery is delivered after the announced number.
    initialUntilEnd: true,
    read: (message, revision, initial) => {
      const info = describe(message, revision);
      if (info === undefined || (ignoreDeletes && info.deleted)) return undefined;
      const entry = { ...info, initial };
      messageHeaders.set(entry, message);
      return entry;
    },
    onRestart: () =>
      logger.warn(`Bucket "${bucket}" was deleted and created again: it is watched from its start`),
    errorFor: (thrown) => {
      const error = toConnectionError(thrown, jetstream.connection);
      if (!(error instanceof StreamNotFoundError)) return error;
      return new BucketNotFoundError('Object Store', bucket, { cause: error });
    },
  });
}

function startOf({ includeHistory, updatesOnly }: ObjectWatchOptions): OrderedPushStart {
  if (includeHistory && updatesOnly) {
    throw notTogether('updatesOnly', 'includeHistory');
  }
  if (updatesOnly === true) return { policy: 'new' };
  return { policy: includeHistory === true ? 'all' : 'last_per_subject' };
}
