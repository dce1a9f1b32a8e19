import { PayloadEncodingError } from '../errors/index.js';
import type { Codec } from './codec.js';
import { givenBytes } from './given-bytes.js';

/** Bytes are used unchanged, without copying. `undefined` becomes an empty payload. */
export const bytesCodec: Codec<Uint8Array> = {
  contentType: 'application/octet-stream',
  encode(value) {
    // Other values are possible too, because publishers accept any value.
    if ((value as unknown) === undefined) return new Uint8Array(0);
    const bytes = givenBytes(value);
    if (bytes) return bytes;
    throw new PayloadEncodingError('bytesCodec', `it accepts a Uint8Array, not ${typeof value}`);
  },
  decode: (data) => data,
};
