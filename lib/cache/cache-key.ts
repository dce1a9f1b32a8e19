import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

const PLAIN = /^[-/_a-zA-Z0-9]+$/;
const OTHER = /[^-/_a-zA-Z0-9]/gu;

/** Longer keys would not fit a subject; a digest stands for them. */
const LONGEST = 1_500;

/**
 * One token of a bucket's key for any text, such as a URL: what a key may not have is written as `=` and two hexadecimal
 * digits a byte of UTF-8. Different texts make different tokens.
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
