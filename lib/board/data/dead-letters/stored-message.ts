import { DEAD_LETTER_STREAM, DEAD_LETTER_SUBJECT, DeadLetter } from '../../../consuming/index.js';
import type { StoredMessage } from '../../../jetstream/index.js';
import type { ShownMessage } from '../../model/index.js';
import { headersOf, type Payloads } from '../payloads/index.js';
import { rawOf } from './rows.js';

/**
 * A message of any stream as the page shows it. Of a dead letter it is the payload of the original, because headers may
 * precede the stored one. A mask is asked for the original too: it would not recognize the stored message, whose headers
 * contain the error and the headers of the original.
 */
export async function shownMessage(
  payloads: Payloads,
  connection: string,
  message: StoredMessage,
): Promise<ShownMessage> {
  const { sequence, stream, subject, time } = message;
  const { headers, payload } = await shownParts(payloads, connection, message);
  return { stream, sequence, subject, time: time.toISOString(), headers, payload };
}

async function shownParts(
  payloads: Payloads,
  connection: string,
  message: StoredMessage,
): Promise<Pick<ShownMessage, 'headers' | 'payload'>> {
  const { data, headers, stream, subject } = message;
  const isPlain = !isAmongDeadLetters(message);
  const letter = isPlain ? undefined : DeadLetter.from(message);
  if (letter !== undefined) {
    const shown = await payloads.show(rawOf(connection, letter));
    return payloads.isMasked ? shown : { ...shown, headers: headersOf(headers) };
  }
  if (isPlain || !payloads.isMasked) return payloads.show({ connection, stream, subject, headers, data });
  // A mask cannot know which parts of it come from which message.
  return payloads.nothing(data.length);
}

/** Whether a message is in the stream of dead letters, or in a copy of it. */
function isAmongDeadLetters({ stream, subject }: StoredMessage): boolean {
  return stream === DEAD_LETTER_STREAM || subject.startsWith(`${DEAD_LETTER_SUBJECT}.`);
}
