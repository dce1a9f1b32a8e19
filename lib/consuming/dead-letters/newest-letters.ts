import { MessageNotFoundError } from '../../errors/index.js';
import type { CallOptions, JetStreamService, Stream } from '../../jetstream/index.js';
import { checkFilter, type DeadLetterFilter, subjectsOf, toTest } from './dead-letter-filter.js';
import { DEAD_LETTER_STREAM } from './dead-letter-headers.js';
import { messagesAfter } from './dead-letter-reader.js';
import { DeadLetter } from './dead-letter.js';

/** How many messages one page reads before it ends, so that a filter which matches little does not read everything. */
const MOST_READ = 5_000;
/** How many messages are read of one range of sequences. More would have to be read again if they are not needed. */
const MOST_IN_RANGE = 500;
/** How much larger the next range is after one without messages: the server skips what its subjects do not select. */
const GROWTH = 16;

/** Selects a page. */
export interface NewestPage {
  readonly limit: number;
  /** Only dead letters before this sequence; 0 for the newest ones. */
  readonly before: number;
}

/**
 * Reads the newest dead letters that match, the newest first. Servers read forwards only, so ranges of sequences are read
 * from the end of the stream on; a range without a message is followed by a larger one.
 *
 * @returns up to `limit` dead letters, and the sequence before which the next page begins; `undefined` if there are no more
 */
export async function readNewest(
  jetstream: JetStreamService,
  filter: DeadLetterFilter,
  { limit, before }: NewestPage,
  options: CallOptions,
): Promise<{ letters: DeadLetter[]; next: number | undefined }> {
  const fits = toTest(checkFilter(filter));
  const stream = await jetstream.stream(DEAD_LETTER_STREAM, options);
  const { state, config } = stream.cachedInfo;
  const ranges = new Ranges(stream, {
    subject: subjectsOf(filter),
    direct: config.allowDirect && jetstream.connection.supports('2.11.0'),
    fits,
    options,
  });
  const letters: DeadLetter[] = [];
  let end = before === 0 ? state.lastSequence + 1 : Math.min(before, state.lastSequence + 1);
  if (filter.until !== undefined) end = Math.min(end, await ranges.firstSince(filter.until, end));
  // One more than requested shows whether there is a next page.
  let size = limit + 1;
  for (let left = MOST_READ; end > state.firstSequence;) {
    const start = Math.max(state.firstSequence, end - size);
    const range = await ranges.read(start, end, limit + 1 - letters.length);
    left -= range.read;
    if (!range.isComplete) {
      size = MOST_IN_RANGE;
      continue;
    }
    letters.push(...range.newest);
    if (letters.length > limit) return { letters: letters.slice(0, limit), next: letters[limit - 1].sequence };
    if (filter.since !== undefined && range.oldest !== undefined && range.oldest < filter.since) break;
    if (left <= 0) return { letters, next: start > state.firstSequence ? start : undefined };
    end = start;
    size = range.read === 0 ? size * GROWTH : Math.max(size, limit + 1);
  }
  return { letters, next: undefined };
}

/** What was read of a range. */
interface Range {
  /** The newest matching dead letters, the newest first. */
  readonly newest: readonly DeadLetter[];
  /** How many messages were read. */
  readonly read: number;
  /** When the oldest message was stored. */
  readonly oldest: Date | undefined;
  /** Whether the whole range was read. */
  readonly isComplete: boolean;
}

interface RangeOptions {
  readonly subject: string;
  readonly direct: boolean;
  readonly fits: (letter: DeadLetter) => boolean;
  readonly options: CallOptions;
}

/** Reads ranges of sequences of the dead-letter stream. */
class Ranges {
  constructor(
    private readonly stream: Stream,
    private readonly how: RangeOptions,
  ) {}

  /** Reads from `start` on, up to and without `end`, and keeps the `most` newest dead letters. */
  async read(start: number, end: number, most: number): Promise<Range> {
    const { subject, direct, fits, options } = this.how;
    if (await this.isEmpty(start, end)) return EMPTY;
    const kept: DeadLetter[] = [];
    let read = 0;
    let oldest: Date | undefined;
    const selection = { after: start - 1, since: undefined, subject, direct };
    for await (const message of messagesAfter(this.stream, selection, options)) {
      if (message.sequence >= end) break;
      if (read === MOST_IN_RANGE) return { newest: [], read, oldest, isComplete: false };
      read++;
      oldest ??= message.time;
      const letter = DeadLetter.from(message);
      if (letter === undefined || !fits(letter)) continue;
      kept.push(letter);
      if (kept.length > most) kept.shift();
    }
    return { newest: kept.toReversed(), read, oldest, isComplete: true };
  }

  /** The sequence of the first message at or after a time; `end` if there is none, or the server cannot tell. */
  async firstSince(time: Date, end: number): Promise<number> {
    const { direct, options } = this.how;
    if (!direct) return end;
    for await (const { sequence } of this.stream.getMessages({ ...options, startTime: time, batch: 1 })) {
      return sequence;
    }
    return end;
  }

  /** Whether a large range has no message of the subject. One message tells, while a page would be read for nothing. */
  private async isEmpty(start: number, end: number): Promise<boolean> {
    if (end - start <= MOST_IN_RANGE) return false;
    const { subject, options } = this.how;
    try {
      return (await this.stream.getMessage(start, { ...options, subject })).sequence >= end;
    } catch (error) {
      if (error instanceof MessageNotFoundError) return true;
      throw error;
    }
  }
}

const EMPTY: Range = { newest: [], read: 0, oldest: undefined, isComplete: true };
