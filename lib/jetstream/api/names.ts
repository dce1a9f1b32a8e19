import { InvalidConsumerNameError, InvalidSubjectError, InvalidStreamNameError } from '../../errors/index.js';

// Printable, and none of the characters with a meaning in subjects or in the paths of the server's store.
const NAME = /^[^\s.*>/\\\p{Cc}]+$/u;

/** @throws {@link InvalidStreamNameError} */
export function validateStreamName(name: string): void {
  if (typeof name !== 'string' || !NAME.test(name)) throw new InvalidStreamNameError(String(name ?? ''));
}

/** @throws {@link InvalidConsumerNameError} */
export function validateConsumerName(name: string): void {
  if (typeof name !== 'string' || !NAME.test(name)) throw new InvalidConsumerNameError(String(name ?? ''));
}

/**
 * Accepts a subject, wildcards included.
 *
 * @throws {@link InvalidSubjectError}
 */
export function validateFilter(subject: string): void {
  if (typeof subject !== 'string' || subject === '') {
    throw new InvalidSubjectError(String(subject ?? ''), 'it must not be empty');
  }
  if (/[\s\p{Cc}]/u.test(subject)) throw new InvalidSubjectError(subject, 'it must not contain spaces');
  const tokens = subject.split('.');
  if (tokens.includes('')) throw new InvalidSubjectError(subject, 'it must not have empty tokens');
  if (tokens.indexOf('>') !== -1 && tokens.indexOf('>') !== tokens.length - 1) {
    throw new InvalidSubjectError(subject, '">" may only be its last token');
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
