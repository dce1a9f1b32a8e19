import { Buffer } from 'node:buffer';
import type { MsgHdrs } from '@nats-io/transport-node';
import { MessageHeaders } from '../../connection/index.js';
import { JetStreamApiError, MaxMessageSizeExceededError, PayloadTooLargeError } from '../../errors/index.js';
import { headerSize } from '../../jetstream/index.js';
import { DEAD_LETTER_HEADERS, OMITTED_PAYLOAD_HEADER } from './dead-letter-headers.js';

/** The largest header block that JetStream allows, in bytes. */
export const LARGEST_HEADERS = 65_535;
const HEADERS_TOO_LARGE = 10_097;
/** The number of characters of reason and error that are kept if there is not enough room. */
const FEW_WORDS = 100;

/**
 * Whether a message was refused because of its size: by the client, by the limit of the stream, or because of its
 * headers.
 */
export function isTooLarge(error: unknown): boolean {
  if (error instanceof PayloadTooLargeError || error instanceof MaxMessageSizeExceededError) return true;
  return error instanceof JetStreamApiError && error.code === HEADERS_TOO_LARGE;
}

/**
 * The headers of a dead letter that is stored without its payload: its own headers, and as many of the original's as
 * fit, in order.
 *
 * @param letter all headers of the dead letter
 * @param payloadSize the size of the payload that is omitted, in bytes
 * @param largest the maximum size of the header block, in bytes
 */
export function headersWithoutPayload(letter: MsgHdrs, payloadSize: number, largest: number): MsgHdrs {
  const { reason, error } = DEAD_LETTER_HEADERS;
  const result = new MessageHeaders();
  result.set(OMITTED_PAYLOAD_HEADER, String(payloadSize));
  for (const name of Object.values(DEAD_LETTER_HEADERS)) result.set(name, letter.get(name));
  if (headerSize(result) > largest) {
    for (const name of [reason, error]) result.set(name, letter.get(name).slice(0, FEW_WORDS));
  }
  let room = largest - headerSize(result);
  for (const [name, values] of letter) {
    if (result.has(name)) continue;
    const lines = values.reduce((sum, value) => sum + lineSize(name, value), 0);
    if (lines > room) continue;
    room -= lines;
    for (const value of values) result.keep(name, value);
  }
  return result;
}

/** The size of a header line, in bytes. */
export function lineSize(name: string, value: string): number {
  return Buffer.byteLength(name) + Buffer.byteLength(value) + 4;
}
