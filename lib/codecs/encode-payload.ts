import { types } from 'node:util';
import { JetStreamError, PayloadEncodingError } from '../errors/index.js';
import { errorText, isInstance } from '../reporting/index.js';
import { wrongType } from '../user-code/index.js';
import type { Codec } from './codec.js';
import { givenBytes } from './given-bytes.js';

/**
 * Encodes a value with any codec, including codecs of users.
 *
 * @throws {@link PayloadEncodingError} if the codec cannot encode the value, with the codec's error as the cause; if it
 * returns anything but bytes, such as the promise of an asynchronous function; and for functions, symbols and promises,
 * which a codec may silently omit
 */
export function encodePayload<T>(codec: Codec<T>, value: T): Uint8Array {
  refuseUnencodable(codec, value);
  return encodeWhole(codec, value);
}

/**
 * Like {@link encodePayload}, for a value that is known to be encodable.
 *
 * @throws {@link PayloadEncodingError}
 */
export function encodeWhole<T>(codec: Codec<T>, value: T): Uint8Array {
  let bytes: unknown;
  try {
    bytes = codec.encode(value);
  } catch (cause) {
    if (isInstance(cause, JetStreamError)) throw cause;
    throw new PayloadEncodingError(codec.contentType, errorText(cause), { cause });
  }
  const encoded = givenBytes(bytes);
  if (encoded) return encoded;
  const problem = `encode returned ${wrongType(bytes)}; it must return a Uint8Array`;
  throw new PayloadEncodingError(codec.contentType, problem);
}

/**
 * Rejects functions, symbols and promises, which a codec may silently omit, also inside of the encoded value.
 *
 * @throws {@link PayloadEncodingError}
 */
export function refuseUnencodable(codec: Pick<Codec, 'contentType'>, value: unknown): void {
  if (typeof value === 'object') {
    if (value !== null && types.isPromise(value))
      throw new PayloadEncodingError(codec.contentType, 'it is a promise; await it');
    return;
  }
  if (typeof value === 'function' || typeof value === 'symbol')
    throw new PayloadEncodingError(codec.contentType, `it is a ${typeof value}`);
}
