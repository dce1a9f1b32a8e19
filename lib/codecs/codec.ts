/**
 * Encodes values to payloads and decodes them. A codec needs three members:
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
  /** The media type of encoded payloads, such as `application/json`. */
  readonly contentType: string;
  /** Encodes a value; throws if the value cannot be encoded. */
  encode(value: T): Uint8Array;
  /** Decodes a payload; throws if the payload is not valid for this codec. */
  decode(data: Uint8Array): T;
}
