import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

const PLAIN = /^[-/_a-zA-Z0-9]+$/;
const OTHER = /[^-/_a-zA-Z0-9]/gu;

/** Longer keys would not fit into a subject, so a digest is used instead. */
const LONGEST = 1_500;

/**
 * Converts any text, such as a URL, to one token of a bucket's key: characters that are not allowed are written as `=`
 * and two hexadecimal digits for each byte of UTF-8. Different texts have different tokens.
 */
export function toToken(text: string): string {
  if (text === '') return '=';
  if (text.length <= LONGEST && PLAIN.test(text)) return text;
  const token = text.replace(OTHER, escaped);
  return token.length <= LONGEST ? token : `==${createHash('sha256').update(text).digest('hex')}`;
}

function escaped(character: string): string {
  return Buffer.from(character, 'utf8')
    .toString('hex')
    .replace(/../g, (byte) => `=${byte}`);
}
