import { InvalidSubjectError } from '../../errors/index.js';
import { validateSubject } from '../api/index.js';

// Tokens of printable ASCII without "*", "." and ">", with a length that fits into any protocol line.
const PLAIN = /^(?=.{1,1000}$)[!-)+-\-/-=?-~]+(?:\.[!-)+-\-/-=?-~]+)*$/;

/**
 * Rejects invalid subjects: an empty subject or token, white space, a wildcard. It runs for every message, so plain
 * subjects are accepted after a single regular expression.
 *
 * @throws {@link InvalidSubjectError}
 */
export function assertPublishSubject(subject: unknown): asserts subject is string {
  if (typeof subject !== 'string') {
    throw new InvalidSubjectError(kindOf(subject), 'it must be a string');
  }
  if (!PLAIN.test(subject)) validateSubject(subject);
}

function kindOf(value: unknown): string {
  return value === null || value === undefined ? String(value) : typeof value;
}
