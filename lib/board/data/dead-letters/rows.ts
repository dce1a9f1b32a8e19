import type { DeadLetter } from '../../../consuming/index.js';
import type { DeadLetterRow } from '../../model/index.js';
import type { Payloads, RawMessage, ShownParts } from '../payloads/index.js';

/** The original of a dead letter, to show it. */
export function rawOf(connection: string, letter: DeadLetter): RawMessage {
  const { data, error, headers, stream, subject } = letter;
  return { connection, stream, subject, headers, data, error };
}

/** A dead letter as a row of a list. */
export async function rowOf(
  letter: DeadLetter,
  payloads: Payloads,
  connection: string,
): Promise<DeadLetterRow> {
  // The error may contain parts of the payload, and only the mask knows which of them may be shown.
  const { error } = payloads.isMasked ? await payloads.show(rawOf(connection, letter)) : letter;
  return { ...factsOf(letter), error };
}

/** A dead letter as a row, when its parts are known. */
export function rowWith(letter: DeadLetter, { error }: ShownParts): DeadLetterRow {
  return { ...factsOf(letter), error };
}

function factsOf(letter: DeadLetter): Omit<DeadLetterRow, 'error'> {
  const { consumer, data, deliveries, handler, reason, sequence, stream, subject, time } = letter;
  return {
    sequence,
    time: time.toISOString(),
    stream,
    consumer,
    handler,
    subject,
    reason,
    deliveries,
    size: letter.omittedPayloadSize ?? data.length,
  };
}
