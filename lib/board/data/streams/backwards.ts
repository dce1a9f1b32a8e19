import type { StoredMessage, Stream } from '../../../jetstream/index.js';
import { inBatches, oneByOne, type ReadWindow } from './windows.js';

/** Selects messages. */
export interface BackwardsQuery {
  /** Only messages before this sequence. Default: all. */
  readonly below: number | undefined;
  /** Only messages whose subject matches this filter. Default: all. */
  readonly subject: string | undefined;
  /** The maximum number of messages. */
  readonly limit: number;
}

/** Some messages of a stream. */
export interface MessagesFound {
  /** Newest first. */
  readonly messages: readonly StoredMessage[];
  /** The sequence below which the next ones are; `undefined` if there are none. */
  readonly next: number | undefined;
}

/** How much one answer may cost. */
interface Bounds {
  /** The maximum number of messages that the server is asked for. */
  readonly cost: number;
  /** The maximum number of messages of one window. */
  readonly window: number;
}

const WITH_BATCHES: Bounds = { cost: 2_000, window: 200 };
// Each message is a request: with the last window and the ends of its parts, at most 200 of them.
const WITHOUT_BATCHES: Bounds = { cost: 180, window: 80 };
/** An answer ends when its payloads have this size, in bytes. */
const MOST_BYTES = 8_388_608;
/** By how much the next window is larger than one with few messages, and smaller than one with too many. */
const GROWTH = 4;

/**
 * Reads messages backwards. Servers only read forwards, so windows of sequences are read one after another, from the end
 * of the stream on. They grow while few messages match. One call reads a limited number of messages: it may find fewer messages than
 * `limit`, also none, although there are more.
 *
 * @param supportsBatches whether the server supports direct gets of several messages
 */
export async function readBackwards(
  stream: Stream,
  { below = Infinity, subject = '>', limit }: BackwardsQuery,
  supportsBatches: boolean,
  signal: AbortSignal,
): Promise<MessagesFound> {
  const { config, state } = stream.cachedInfo;
  const isBatch = supportsBatches && config.allowDirect;
  const read: ReadWindow = (isBatch ? inBatches : oneByOne)({ stream, subject, signal });
  const bounds = isBatch ? WITH_BATCHES : WITHOUT_BATCHES;
  // Windows of large messages are smaller, because a window is in memory as a whole.
  const average = state.bytes / Math.max(1, state.messages);
  const most = Math.max(1, Math.min(limit, bounds.window, Math.floor(MOST_BYTES / Math.max(1, average))));
  const start = Math.max(1, state.firstSequence);
  const messages: StoredMessage[] = [];
  let last = Math.min(state.lastSequence, below - 1);
  let span = most;
  let spent = 0;
  let bytes = 0;
  const isEnough = (): boolean =>
    messages.length === limit || bytes >= MOST_BYTES || spent + most > bounds.cost;
  while (last >= start && !isEnough()) {
    const first = Math.max(start, last - span + 1);
    const window = await read(first, last, most);
    spent += window.cost;
    if (!window.isWhole) {
      span = Math.max(most, Math.floor(span / GROWTH));
      continue;
    }
    const found = window.messages.toReversed().slice(0, limit - messages.length);
    messages.push(...found);
    bytes += found.reduce((sum, { data }) => sum + data.length, 0);
    const oldest = messages.at(-1);
    last = (messages.length === limit && oldest !== undefined ? oldest.sequence : first) - 1;
    if (window.messages.length < most / GROWTH) span *= GROWTH;
  }
  return { messages, next: last >= start ? last + 1 : undefined };
}
