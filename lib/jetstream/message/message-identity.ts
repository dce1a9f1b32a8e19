/**
 * Identifies a message in its stream for deduplication ids. Sequences start again when a stream is deleted and created, so
 * the time at which the message was stored is a part of it: no two incarnations of a stream share both.
 *
 * @param sequence its sequence in the stream
 * @param stored when the stream stored it
 */
export function messageIdentity(sequence: number, stored: Date): string {
  return `${sequence}.${stored.getTime().toString(36)}`;
}
