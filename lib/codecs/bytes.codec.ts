import type { Codec } from './codec.js';

/** Bytes as they are, not copied. */
export const bytesCodec: Codec<Uint8Array> = {
  contentType: 'application/octet-stream',
  encode(value) {
    // Reached with other values too: publishers take any value.
    if (!(value instanceof Uint8Array))
      throw new TypeError(`bytesCodec takes a Uint8Array, not ${typeof value}`);
    return value;
  },
  decode: (data) => data,
};
