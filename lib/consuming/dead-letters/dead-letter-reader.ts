import { MessageNotFoundError } from '../../errors/index.js';
import type { JetStreamService, StoredMessage, Stream } from '../../jetstream/index.js';
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
): AsyncGenerator<DeadLetter, void, undefined> {
  const fits = toTest(checkFilter(filter));
  const subject = subjectsOf(filter);
  const stream = await jetstream.stream(DEAD_LETTER_STREAM);
  const { state, config } = stream.cachedInfo;
  const direct = config.allowDirect && jetstream.connection.supports('2.11.0');
  for await (const message of messagesAfter(stream, after, filter.since, subject, direct)) {
    if (message.sequence > state.lastSequence) return;
    if (filter.until !== undefined && message.time >= filter.until) return;
    const letter = DeadLetter.from(message);
    if (letter && fits(letter)) yield letter;
  }
}

async function* messagesAfter(
  stream: Stream,
  after: number,
  since: Date | undefined,
  subject: string,
  direct: boolean,
): AsyncGenerator<StoredMessage, void, undefined> {
  let startTime = direct && after === 0 ? since : undefined;
  for (let last = after; ;) {
    const startSequence = last + 1;
    const page = direct
      ? stream.getMessages({ ...(startTime ? { startTime } : { startSequence }), batch: PAGE, subject })
      : nextMessage(stream, startSequence, subject);
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
): AsyncGenerator<StoredMessage, void, undefined> {
  try {
    yield await stream.getMessage(startSequence, { subject });
  } catch (error) {
    if (!(error instanceof MessageNotFoundError)) throw error;
  }
}
