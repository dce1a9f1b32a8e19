import { Buffer } from 'node:buffer';
import type { Codec } from './codec.js';
import { utf8 } from './utf8.js';

/** JSON in UTF-8, the default. `undefined` becomes an empty payload, and an empty payload becomes `undefined`. */
export const jsonCodec: Codec = {
  contentType: 'application/json',
  encode(value) {
    const text: string | undefined = JSON.stringify(value);
    return text === undefined ? new Uint8Array(0) : Buffer.from(text, 'utf8');
  },
  decode(data) {
    if (data.length === 0) return undefined;
    return JSON.parse(utf8(data)) as unknown;
  },
};
