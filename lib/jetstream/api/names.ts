import { Buffer } from 'node:buffer';
import { InvalidConsumerNameError, InvalidStreamNameError, InvalidSubjectError } from '../../errors/index.js';
import { nameText } from '../../reporting/index.js';

// Printable, without characters that have a meaning in subjects or in the file paths of the server's store.
const NAME = /^[^\s.*>/\\\p{Cc}]+$/u;
/** The server's limit, in bytes. */
const LONGEST_NAME = 255;
/** A protocol line is limited to 4,096 bytes; this leaves room for a reply subject and sizes. */
const LONGEST_SUBJECT = 4_000;

/** @throws {@link InvalidStreamNameError} */
export function validateStreamName(name: string): void {
  if (!isName(name)) throw new InvalidStreamNameError(nameText(name));
}

/** @throws {@link InvalidConsumerNameError} */
export function validateConsumerName(name: string): void {
  if (!isName(name)) throw new InvalidConsumerNameError(nameText(name));
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name) && Buffer.byteLength(name) <= LONGEST_NAME;
}

/**
 * Accepts a subject, wildcards included.
 *
 * @throws {@link InvalidSubjectError}
 */
export function validateFilter(subject: string): void {
  if (typeof subject !== 'string' || subject === '') {
    throw new InvalidSubjectError(nameText(subject), 'it must not be empty');
  }
  if (/[\s\p{Cc}]/u.test(subject)) throw new InvalidSubjectError(subject, 'it must not contain spaces');
  const length = Buffer.byteLength(subject);
  if (length > LONGEST_SUBJECT) {
    throw new InvalidSubjectError(
      subject,
      `it has ${length} bytes, but at most ${LONGEST_SUBJECT} are allowed`,
    );
  }
  const tokens = subject.split('.');
  if (tokens.includes('')) throw new InvalidSubjectError(subject, 'it must not have empty tokens');
  if (tokens.indexOf('>') !== -1 && tokens.indexOf('>') !== tokens.length - 1) {
    throw new InvalidSubjectError(subject, '">" is only allowed as the last token');
  }
}

/**
 * Accepts a subject without wildcards.
 *
 * @throws {@link InvalidSubjectError}
 */
export function validateSubject(subject: string): void {
  validateFilter(subject);
  if (/(^|\.)[*>](\.|$)/.test(subject)) throw new InvalidSubjectError(subject, 'it must not have wildcards');
}
