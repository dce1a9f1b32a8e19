/**
 * Turns values into payloads and back. Three lines make one:
 *
 * ```ts
 * const csv: Codec<string[]> = {
 *   contentType: 'text/csv',
 *   encode: (value) => new TextEncoder().encode(value.join(',')),
 *   decode: (data) => new TextDecoder().decode(data).split(','),
 * };
 * ```
 */
export interface Codec<T = unknown> {
  /** The media type of what `encode` makes, such as `application/json`. */
  readonly contentType: string;
  /** Makes a payload of a value; throws where the value has none. */
  encode(value: T): Uint8Array;
  /** Makes a value of a payload; throws where the payload is not of this codec. */
  decode(data: Uint8Array): T;
}
