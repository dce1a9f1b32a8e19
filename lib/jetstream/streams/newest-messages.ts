import { MessageNotFoundError } from '../../errors/index.js';
import type { CallOptions } from '../api/index.js';
import { type MessagesAfter, messagesAfter } from './messages-after.js';
import type { StoredMessage } from './stored-message.js';
import type { Stream } from './stream.js';

/** How many messages one page reads before it ends, so that a selection which matches little does not read everything. */
const MOST_READ = 2_000;
/** The same, if each message is a request of its own. */
const MOST_REQUESTS = 500;
/** A page ends when its payloads have this size, in bytes. */
const MOST_BYTES = 8_388_608;
/** How many messages are read of one range of sequences. More would have to be read again if they are not needed. */
const MOST_IN_RANGE = 500;
/** How much larger the next range is after one without messages: the server skips what its subjects do not select. */
const GROWTH = 16;

/** Selects a page of the newest messages. */
export interface NewestMessages<Item> extends Pick<MessagesAfter, 'direct' | 'subject'> {
  /** The maximum number of items. */
  readonly limit: number;
  /** Only messages before this sequence. Default: all. */
  readonly before: number | undefined;
  /** Only messages that were stored at this time or later. */
  readonly since?: Date | undefined;
  /** Only messages that were stored before this time. */
  readonly until?: Date | undefined;
  /** Converts a message; `undefined` leaves it out. */
  readonly pick: (message: StoredMessage) => Item | undefined;
}

/** A page of the newest messages. */
export interface NewestPage<Item> {
  /** The newest first. */
  readonly items: readonly Item[];
  /** The sequence before which the next page begins; `undefined` if there are no more messages. */
  readonly next: number | undefined;
}

interface Found<Item> {
  readonly sequence: number;
  readonly bytes: number;
  readonly item: Item;
}

/**
 * Reads the newest messages of a stream, the newest first. Servers read forwards only, so ranges of sequences are read from
 * the end of the stream on; a range without a message is followed by a larger one. A page reads up to about 2,000 messages,
 * or 500 if each is a request of its own, and has up to about 8 MiB: it may be shorter than its limit, and have a `next`.
 */
export async function newestMessages<Item>(
  stream: Stream,
  { before = Infinity, limit, ...selection }: NewestMessages<Item>,
  options: CallOptions,
): Promise<NewestPage<Item>> {
  const { firstSequence, lastSequence } = stream.cachedInfo.state;
  const first = Math.max(1, firstSequence);
  const { since, until } = selection;
  const ranges = new Ranges(stream, selection, options);
  const found: Found<Item>[] = [];
  let end = Math.min(before, lastSequence + 1);
  if (until !== undefined) end = Math.min(end, await ranges.firstSince(until, end));
  // One more than requested shows whether there is a next page.
  let size = limit + 1;
  let bytes = 0;
  for (let left = selection.direct ? MOST_READ : MOST_REQUESTS; end > first;) {
    const start = Math.max(first, end - size);
    const range = await ranges.read(start, end, limit + 1 - found.length);
    left -= range.read;
    if (!range.isComplete) {
      size = MOST_IN_RANGE;
      continue;
    }
    for (const each of range.newest) {
      if (found.length === limit || (found.length > 0 && bytes + each.bytes > MOST_BYTES))
        return pageOf(found, found.at(-1)?.sequence);
      found.push(each);
      bytes += each.bytes;
    }
    if (range.isCut) return pageOf(found, found.at(-1)?.sequence);
    if (since !== undefined && range.oldest !== undefined && range.oldest < since) break;
    if (left <= 0) return pageOf(found, start > first ? start : undefined);
    end = start;
    size = range.read === 0 ? size * GROWTH : Math.max(size, limit + 1);
  }
  return pageOf(found, undefined);
}

function pageOf<Item>(found: readonly Found<Item>[], next: number | undefined): NewestPage<Item> {
  return { items: found.map(({ item }) => item), next };
}

/** The result of reading a range. */
interface Range<Item> {
  /** The newest matching messages, the newest first. */
  readonly newest: readonly Found<Item>[];
  /** How many messages were read. */
  readonly read: number;
  /** When the oldest message was stored. */
  readonly oldest: Date | undefined;
  /** Whether the whole range was read. */
  readonly isComplete: boolean;
  /** Whether older ones were left out because of their size. */
  readonly isCut: boolean;
}

const EMPTY: Range<never> = { newest: [], read: 0, oldest: undefined, isComplete: true, isCut: false };

/** Reads ranges of sequences. */
class Ranges<Item> {
  constructor(
    private readonly stream: Stream,
    private readonly selection: Pick<NewestMessages<Item>, 'direct' | 'pick' | 'since' | 'subject' | 'until'>,
    private readonly options: CallOptions,
  ) {}

  /** Reads from `start` on, up to and without `end`, and keeps the `most` newest messages. */
  async read(start: number, end: number, most: number): Promise<Range<Item>> {
    if (await this.isEmpty(start, end)) return EMPTY;
    const { direct, pick, subject } = this.selection;
    const kept: Found<Item>[] = [];
    let read = 0;
    let bytes = 0;
    let isCut = false;
    let oldest: Date | undefined;
    const after = { after: start - 1, since: undefined, subject, direct };
    for await (const message of messagesAfter(this.stream, after, this.options)) {
      const { sequence, time } = message;
      if (sequence >= end) break;
      if (read === MOST_IN_RANGE) return { newest: [], read, oldest, isComplete: false, isCut };
      read++;
      oldest ??= time;
      const item = this.isInTime(time) ? pick(message) : undefined;
      if (item === undefined) continue;
      kept.push({ sequence, item, bytes: message.data.length });
      bytes += message.data.length;
      while (kept.length > most || (kept.length > 1 && bytes > MOST_BYTES)) {
        isCut = kept.length <= most;
        bytes -= kept.shift()?.bytes ?? 0;
      }
    }
    return { newest: kept.toReversed(), read, oldest, isComplete: true, isCut };
  }

  /** The sequence of the first message at or after a time; `end` if there is none, or the server cannot tell. */
  async firstSince(time: Date, end: number): Promise<number> {
    if (!this.selection.direct) return end;
    for await (const { sequence } of this.stream.getMessages({
      ...this.options,
      startTime: time,
      batch: 1,
    })) {
      return sequence;
    }
    return end;
  }

  private isInTime(time: Date): boolean {
    const { since, until } = this.selection;
    return (since === undefined || time >= since) && (until === undefined || time < until);
  }

  /** Whether a large range has no message of the subject. One message tells, while a page would be read for nothing. */
  private async isEmpty(start: number, end: number): Promise<boolean> {
    if (end - start <= MOST_IN_RANGE) return false;
    const { subject } = this.selection;
    try {
      return (await this.stream.getMessage(start, { ...this.options, subject })).sequence >= end;
    } catch (error) {
      if (error instanceof MessageNotFoundError) return true;
      throw error;
    }
  }
}
