import { PayloadEncodingError } from '../errors/index.js';
import type { Codec } from './codec.js';

/** Bytes as they are, not copied. `undefined` becomes an empty payload. */
export const bytesCodec: Codec<Uint8Array> = {
  contentType: 'application/octet-stream',
  encode(value) {
    // Reached with other values too: publishers take any value.
    if ((value as unknown) === undefined) return new Uint8Array(0);
    if (!(value instanceof Uint8Array)) {
      throw new PayloadEncodingError('bytesCodec', `it takes a Uint8Array, not ${typeof value}`);
    }
    return value;
  },
  decode: (data) => data,
};
