import { Buffer } from 'node:buffer';
import type { Codec } from './codec.js';
import { utf8 } from './utf8.js';

/** Text in UTF-8. */
export const textCodec: Codec<string> = {
  contentType: 'text/plain',
  encode(value) {
    // Reached with other values too: publishers take any value.
    if (typeof value !== 'string') throw new TypeError(`textCodec takes strings, not ${typeof value}`);
    return Buffer.from(value, 'utf8');
  },
  decode: utf8,
};
