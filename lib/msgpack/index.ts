import { Packr } from 'msgpackr';
import type { Codec } from '../codecs/index.js';

// Plain maps instead of msgpackr's own records, so that every other MessagePack reader understands them.
const packr = new Packr({ useRecords: false, variableMapSize: true });

/**
 * MessagePack: smaller than JSON, and it keeps `Uint8Array` and `Date`. Needs the package `msgpackr`.
 *
 * As with JSON, `undefined` becomes an empty payload, and an empty payload becomes `undefined`.
 */
export const msgpackCodec: Codec = {
  contentType: 'application/msgpack',
  encode: (value) => (value === undefined ? new Uint8Array(0) : packr.pack(value)),
  decode: (data) => (data.length === 0 ? undefined : (packr.unpack(data) as unknown)),
};
