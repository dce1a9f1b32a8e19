const decoder = new TextDecoder();
const exactDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Decodes UTF-8 without a leading byte order mark, as parsers expect. A shared decoder is twice as fast as a `Buffer`
 * for each text.
 */
export function utf8(data: Uint8Array): string {
  return decoder.decode(data);
}

/** Decodes UTF-8, including a byte order mark. */
export function exactUtf8(data: Uint8Array): string {
  return exactDecoder.decode(data);
}
