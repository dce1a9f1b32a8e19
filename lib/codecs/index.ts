export * from './bytes.codec.js';
export * from './codec.js';
export { decodeValue, refusePromise } from './decode-value.js';
export { encodePayload, refuseUnencodable } from './encode-payload.js';
export { givenBytes } from './given-bytes.js';
export * from './json.codec.js';
export * from './select-codec.js';
export * from './text.codec.js';
export { exactUtf8, utf8 } from './utf8.js';
