import { hasMethods, rule } from '../validation/index.js';
import type { Codec } from './codec.js';

/** Printable ASCII, because it becomes the value of a header. */
const CONTENT_TYPE = /^[!-~][ -~]*$/;

/** Validates an option with a codec. */
export const codecRule = rule(
  'a codec: an object with a contentType, such as "application/json", and the methods encode and decode',
  (value) =>
    hasMethods(value, ['encode', 'decode']) && CONTENT_TYPE.test(contentTypeOf(value as Partial<Codec>)),
);

function contentTypeOf({ contentType }: Partial<Codec>): string {
  return typeof contentType === 'string' ? contentType : '';
}
