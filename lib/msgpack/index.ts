import { Packr } from 'msgpackr';
import type { Codec } from '../codecs/index.js';
import { PayloadDecodingError, PayloadEncodingError } from '../errors/index.js';
import { errorText } from '../reporting/index.js';

// Plain maps are used instead of msgpackr's own records, so that other MessagePack implementations can read them.
const packr = new Packr({ useRecords: false, variableMapSize: true });

/**
 * MessagePack: smaller than JSON, with support for `Uint8Array` and `Date`. Needs the package `msgpackr`.
 *
 * As with JSON, `undefined` becomes an empty payload, and an empty payload becomes `undefined`.
 */
export const msgpackCodec: Codec = {
  contentType: 'application/msgpack',
  encode(value) {
    if (value === undefined) return new Uint8Array(0);
    try {
      return packr.pack(value);
    } catch (cause) {
      throw new PayloadEncodingError('msgpackCodec', errorText(cause), { cause });
    }
  },
  decode(data) {
    if (data.length === 0) return undefined;
    try {
      return packr.unpack(data) as unknown;
    } catch (cause) {
      throw new PayloadDecodingError('msgpackCodec', errorText(cause), { cause });
    }
  },
};
