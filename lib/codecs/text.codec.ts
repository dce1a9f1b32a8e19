import { Buffer } from 'node:buffer';
import type { Codec } from './codec.js';
import { PayloadEncodingError } from '../errors/index.js';
import { exactUtf8 } from './utf8.js';

/** Text in UTF-8, a byte order mark included. `undefined` becomes an empty payload. */
export const textCodec: Codec<string> = {
  contentType: 'text/plain',
  encode(value) {
    // Other values are possible too, because publishers accept any value.
    if ((value as unknown) === undefined) return new Uint8Array(0);
    if (typeof value !== 'string')
      throw new PayloadEncodingError('textCodec', `it accepts a string, not ${typeof value}`);
    return Buffer.from(value, 'utf8');
  },
  decode: exactUtf8,
};
