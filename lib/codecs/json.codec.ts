import { Buffer } from 'node:buffer';
import type { Codec } from './codec.js';
import { toDecodingError } from './decode-value.js';
import { PayloadEncodingError } from '../errors/index.js';
import { errorText } from '../reporting/index.js';
import { utf8 } from './utf8.js';

/** JSON in UTF-8, the default. `undefined` becomes an empty payload, and an empty payload becomes `undefined`. */
export const jsonCodec: Codec = {
  contentType: 'application/json',
  encode(value) {
    if (value === undefined) return new Uint8Array(0);
    return Buffer.from(stringify(value), 'utf8');
  },
  decode(data) {
    if (data.length === 0) return undefined;
    return parseJson(data);
  },
};

/** The value of JSON in UTF-8. @throws {@link PayloadDecodingError} */
export function parseJson(data: Uint8Array): unknown {
  try {
    return JSON.parse(utf8(data)) as unknown;
  } catch (cause) {
    throw toDecodingError('jsonCodec', cause);
  }
}

function stringify(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new PayloadEncodingError('jsonCodec', errorText(cause), { cause });
  }
  if (text === undefined)
    throw new PayloadEncodingError('jsonCodec', `a ${typeof value} has no JSON representation`);
  return text;
}
