import { type DeadLetter, DeadLetterReason } from '../../../consuming/index.js';
import type { DeadLetterRow } from '../../model/index.js';
import type { Payloads, RawMessage, ShownParts } from '../payloads/index.js';

/** The reasons of this library. Any other one is a text of the handler, which may contain parts of the payload. */
export const PLAIN_REASONS: ReadonlySet<string> = new Set(Object.values(DeadLetterReason));

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
  const parts = payloads.isMasked ? await payloads.show(rawOf(connection, letter)) : letter;
  return rowWith(letter, parts, payloads);
}

/** A dead letter as a row, when its parts are known. */
export function rowWith(
  letter: DeadLetter,
  { error }: Pick<ShownParts, 'error'>,
  { isMasked }: Pick<Payloads, 'isMasked'>,
): DeadLetterRow {
  const { consumer, data, deliveries, handler, reason, sequence, stream, subject, time } = letter;
  return {
    sequence,
    time: time.toISOString(),
    stream,
    consumer,
    handler,
    subject,
    reason: !isMasked || PLAIN_REASONS.has(reason) ? reason : '',
    error,
    deliveries,
    size: letter.omittedPayloadSize ?? data.length,
  };
}
