import { InvalidSubjectError } from '../../errors/index.js';
import { validateSubject } from '../api/index.js';

// Tokens of printable ASCII without "*", "." and ">", and no more of them than any line of the protocol has room for.
const PLAIN = /^(?=.{1,1000}$)[!-)+-\-/-=?-~]+(?:\.[!-)+-\-/-=?-~]+)*$/;

/**
 * Refuses what cannot be published to: an empty subject or token, white space, a wildcard. It runs with every message,
 * so subjects of plain characters are through after one expression.
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
