import {
  type CallOptions,
  type JetStreamService,
  messagesAfter,
  newestMessages,
  type StoredMessage,
} from '../../jetstream/index.js';
import { checkFilter, subjectsOf, toTest, type DeadLetterFilter } from './dead-letter-filter.js';
import { DEAD_LETTER_STREAM } from './dead-letter-headers.js';
import { DeadLetter } from './dead-letter.js';

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

/**
 * Reads a page of the dead letters that match, the newest first.
 *
 * @param page `after`: only those below this sequence; 0 for the newest
 */
export async function readNewest(
  jetstream: JetStreamService,
  filter: DeadLetterFilter,
  { after, limit }: { readonly after: number; readonly limit: number },
  options: CallOptions,
): Promise<{ letters: readonly DeadLetter[]; next: number | undefined }> {
  const fits = toTest(checkFilter(filter));
  const subject = subjectsOf(filter);
  const stream = await jetstream.stream(DEAD_LETTER_STREAM, options);
  const { since, until } = filter;
  const direct = stream.cachedInfo.config.allowDirect && jetstream.connection.supports('2.11.0');
  const pick = (message: StoredMessage): DeadLetter | undefined => {
    const letter = DeadLetter.from(message);
    return letter !== undefined && fits(letter) ? letter : undefined;
  };
  const { items: letters, next } = await newestMessages(
    stream,
    { before: after === 0 ? undefined : after, limit, subject, direct, since, until, pick },
    options,
  );
  return { letters, next };
}
