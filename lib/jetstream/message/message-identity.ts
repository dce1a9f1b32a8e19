/**
 * Identifies a message in its stream for deduplication ids. Sequences restart when a stream is deleted and created
 * again, so the identity includes the time at which the message was stored: two incarnations of a stream never share
 * both.
 *
 * @param sequence its sequence in the stream
 * @param stored when the stream stored it
 */
export function messageIdentity(sequence: number, stored: Date): string {
  return `${sequence}.${stored.getTime().toString(36)}`;
}
