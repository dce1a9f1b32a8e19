/** The range of accepted numbers from a peer. */
export interface PeerNumberRange {
  /** Smaller numbers are rejected. */
  readonly least: number;
  /** Larger numbers are replaced by this one. */
  readonly most: number;
}

/**
 * Reads a number that a peer wrote into a header or payload: a whole number in decimal digits, within limits.
 *
 * @returns `undefined` if it is missing, not a whole number, or too small
 */
export function numberFromPeer(text: unknown, { least, most }: PeerNumberRange): number | undefined {
  if (typeof text !== 'string' || !/^\d{1,20}$/.test(text)) return undefined;
  const number = Number(text);
  return number < least ? undefined : Math.min(number, most);
}
