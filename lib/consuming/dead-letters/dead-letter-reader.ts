import { MessageNotFoundError } from '../../errors/index.js';
import type { CallOptions, JetStreamService, StoredMessage, Stream } from '../../jetstream/index.js';
import { checkFilter, subjectsOf, toTest, type DeadLetterFilter } from './dead-letter-filter.js';
import { DEAD_LETTER_STREAM } from './dead-letter-headers.js';
import { DeadLetter } from './dead-letter.js';

/** The maximum number of messages held in memory: each dead letter may be as large as the server allows. */
const PAGE = 100;

/** Reads the dead letters that match and come after a sequence, up to the last one that exists when reading begins. */
export async function* readDeadLetters(
  jetstream: JetStreamService,
  filter: DeadLetterFilter,
  after: number,
  options: CallOptions,
): AsyncGenerator<DeadLetter, void, undefined> {
  const fits = toTest(checkFilter(filter));
  const subject = subjectsOf(filter);
  const stream = await jetstream.stream(DEAD_LETTER_STREAM, options);
  const { state, config } = stream.cachedInfo;
  const direct = config.allowDirect && jetstream.connection.supports('2.11.0');
  const messages = messagesAfter(stream, { after, since: filter.since, subject, direct }, options);
  for await (const message of messages) {
    if (message.sequence > state.lastSequence) return;
    if (filter.until !== undefined && message.time >= filter.until) return;
    const letter = DeadLetter.from(message);
    if (letter && fits(letter)) yield letter;
  }
}

/** Selects stored messages, and how they are read. */
interface Selection {
  /** A sequence. */
  readonly after: number;
  readonly since: Date | undefined;
  readonly subject: string;
  /** Whether they are read in pages, from any replica. */
  readonly direct: boolean;
}

/** The stored messages that a selection covers, in the order of the stream. */
export async function* messagesAfter(
  stream: Stream,
  { after, since, subject, direct }: Selection,
  options: CallOptions,
): AsyncGenerator<StoredMessage, void, undefined> {
  let startTime = direct && after === 0 ? since : undefined;
  for (let last = after; ;) {
    const startSequence = last + 1;
    const page = direct
      ? stream.getMessages({
          ...options,
          ...(startTime ? { startTime } : { startSequence }),
          batch: PAGE,
          subject,
        })
      : nextMessage(stream, startSequence, subject, options);
    for await (const message of page) {
      yield message;
      last = message.sequence;
    }
    if (last < startSequence) return;
    startTime = undefined;
  }
}

/** Reads one message at a time, which every server version supports. */
async function* nextMessage(
  stream: Stream,
  startSequence: number,
  subject: string,
  options: CallOptions,
): AsyncGenerator<StoredMessage, void, undefined> {
  try {
    yield await stream.getMessage(startSequence, { ...options, subject });
  } catch (error) {
    if (!(error instanceof MessageNotFoundError)) throw error;
  }
}
