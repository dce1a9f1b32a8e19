import { InvalidSubjectError } from '../../errors/index.js';
import { nameText } from '../../reporting/index.js';

/** A valid subscription subject: tokens without white space, none of them empty, `>` only at the end. */
const PATTERN = /^(?!>\.)[^\s.]+(\.(?!>\.)[^\s.]+)*$/;
/** Tokens of printable ASCII without `*`, `.` and `>`, which matches almost every subject. */
const PLAIN = /^[!-)+\-/-=?-~]+(?:\.[!-)+\-/-=?-~]+)*$/;

/** Whether a pattern can be subscribed to. */
export function isPattern(subject: unknown): subject is string {
  return typeof subject === 'string' && PATTERN.test(subject);
}

/** Whether a pattern matches more than one subject. */
export function hasWildcard(subject: string): boolean {
  return subject.split('.').some((token) => token === '*' || token === '>');
}

/**
 * Rejects a subject that cannot be published to.
 *
 * @throws {@link InvalidSubjectError}
 */
export function assertSubject(subject: unknown): asserts subject is string {
  if (typeof subject === 'string' && PLAIN.test(subject)) return;
  if (!isPattern(subject)) {
    throw new InvalidSubjectError(
      nameText(subject),
      'a pattern must result in a subject without spaces and empty tokens',
    );
  }
  if (hasWildcard(subject))
    throw new InvalidSubjectError(subject, 'wildcards are only allowed in the patterns of handlers');
}
