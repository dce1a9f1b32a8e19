import { Buffer, isUtf8 } from 'node:buffer';
import type { ShownPayload } from '../../model/index.js';

/** The form and the content of a payload, before it is cut. */
export interface WholeContent {
  readonly form: ShownPayload['form'];
  /** UTF-8 text; the bytes themselves for the form `base64`. */
  readonly bytes: Buffer;
}

/** A byte of UTF-8 that is not the first one of a character. */
const CONTINUES = 0b1000_0000;
const CONTINUES_MASK = 0b1100_0000;
/** Three bytes are four characters of base64. */
const BASE64_GROUP = 3;

/** Bytes as text, if they are UTF-8. */
export function contentOf(data: Uint8Array): WholeContent {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  return { form: isUtf8(data) ? 'text' : 'base64', bytes };
}

/** The beginning of a content with at most `limit` bytes; it ends between two characters. */
export function cut({ form, bytes }: WholeContent, limit: number): { content: string; truncated: boolean } {
  const truncated = bytes.length > limit;
  if (form === 'base64') {
    const end = truncated ? limit - (limit % BASE64_GROUP) : bytes.length;
    return { content: bytes.toString('base64', 0, end), truncated };
  }
  let end = Math.min(limit, bytes.length);
  if (truncated) while (end > 0 && (bytes[end] & CONTINUES_MASK) === CONTINUES) end--;
  return { content: bytes.toString('utf8', 0, end), truncated };
}
