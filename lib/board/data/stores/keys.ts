import { MessageNotFoundError } from '../../../errors/index.js';
import type { JetStreamMessage, Stream } from '../../../jetstream/index.js';
import { headerText, headerValue, operationOf } from '../../../key-value/index.js';
import { numberFromPeer } from '../../../validation/index.js';
import type { KeyRow } from '../../model/index.js';
import type { PageRange } from '../inputs.js';
import { type Batch, type PlacedRow, readForwards, type RowsFound } from './forwards.js';

/** How many headers are read at a time from a bucket with history, of which some are of the same key. */
const HISTORY_BATCH = 500;
/** How many keys are looked up at a time. */
const LOOKED_UP_AT_ONCE = 16;
const SIZE = { least: 0, most: Number.MAX_SAFE_INTEGER };

/** Selects keys of a bucket. */
export interface KeysQuery {
  /** The prefix of the subjects of the bucket, before the key. */
  readonly prefix: string;
  /** Only keys that match. Default: all. */
  readonly filter: string | undefined;
  readonly page: PageRange;
}

/**
 * Reads a page of the keys of a bucket, in the order in which they were last written. Each has its last revision; values
 * are not transferred.
 */
export function readKeys(
  stream: Stream,
  { prefix, filter = '>', page }: KeysQuery,
  signal: AbortSignal,
): Promise<RowsFound<KeyRow>> {
  const batch = hasOnePerKey(stream) ? page.limit : HISTORY_BATCH;
  const query = { filter: prefix + filter, headersOnly: true, batch, page };
  return readForwards(stream, query, (read) => lastRevisions(stream, prefix, read, signal), signal);
}

/** The revisions that are the last ones of their keys. */
async function* lastRevisions(
  stream: Stream,
  prefix: string,
  { messages, end, left }: Batch,
  signal: AbortSignal,
): AsyncGenerator<PlacedRow<KeyRow>, void, undefined> {
  const last = new Map(messages.map((message) => [message.subject, message]));
  const candidates = messages.filter((message) => last.get(message.subject) === message);
  const isLast = async ({ subject }: JetStreamMessage): Promise<boolean> =>
    left === 0 || hasOnePerKey(stream) || !(await hasMore(stream, subject, end, signal));
  for (let i = 0; i < candidates.length; i += LOOKED_UP_AT_ONCE) {
    const some = candidates.slice(i, i + LOOKED_UP_AT_ONCE);
    const areLast = await Promise.all(some.map(isLast));
    for (const [index, message] of some.entries()) {
      if (areLast[index]) yield { row: keyRow(prefix, message), sequence: message.metadata.streamSequence };
    }
  }
}

function hasOnePerKey({ cachedInfo }: Stream): boolean {
  return cachedInfo.config.maxMessagesPerSubject === 1;
}

/** Whether a subject has a message after a sequence. */
async function hasMore(
  stream: Stream,
  subject: string,
  after: number,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await stream.getMessage(after + 1, { subject, signal });
    return true;
  } catch (error) {
    if (error instanceof MessageNotFoundError) return false;
    throw error;
  }
}

function keyRow(prefix: string, { subject, msg, metadata }: JetStreamMessage): KeyRow {
  const headers = headerText(msg);
  return {
    key: subject.slice(prefix.length),
    revision: metadata.streamSequence,
    time: metadata.timestamp.toISOString(),
    operation: operationOf(headers),
    // The server adds it after the stored headers.
    size: numberFromPeer(headerValue(headers, 'Nats-Msg-Size'), SIZE) ?? 0,
  };
}
