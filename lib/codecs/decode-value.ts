import { InvalidArgumentError, JetStreamError, PayloadDecodingError } from '../errors/index.js';
import { errorText, isInstance } from '../reporting/index.js';
import { wrongType } from '../user-code/index.js';
import type { Codec } from './codec.js';

/**
 * Decodes a payload with any codec, including codecs of users.
 *
 * @throws {@link PayloadDecodingError} if the codec cannot read these bytes, with the codec's error as the cause
 * @throws {@link InvalidArgumentError} if it returns a promise, as an asynchronous function does
 */
export function decodeValue<T>(codec: Codec<T>, data: Uint8Array): T {
  let value: T;
  try {
    value = codec.decode(data);
  } catch (cause) {
    throw toDecodingError(codec.contentType, cause);
  }
  return refusePromise(codec, value);
}

/** Converts an error of a codec. */
export function toDecodingError(codec: string, cause: unknown): JetStreamError {
  if (isInstance(cause, JetStreamError)) return cause;
  return new PayloadDecodingError(codec, errorText(cause), { cause });
}

/**
 * Returns the decoded value of a codec, unless it is a promise.
 *
 * @throws {@link InvalidArgumentError} if it is a promise: this is an error in the codec, not in the payload
 */
export function refusePromise<T>({ contentType }: Pick<Codec, 'contentType'>, value: T): T {
  if (typeof value !== 'object' || value === null || !('then' in value) || typeof value.then !== 'function') {
    return value;
  }
  throw new InvalidArgumentError(
    'codec',
    `The decode method of the codec for ${contentType} returned ${wrongType(value)}. It must return the value itself.`,
  );
}
