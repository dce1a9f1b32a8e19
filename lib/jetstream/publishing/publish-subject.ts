import { InvalidSubjectError } from '../../errors/index.js';

const DOT = 46;
const STAR = 42;
const GREATER = 62;
const SPACE = 32;
const DELETE = 127;

/**
 * Refuses what cannot be published to: an empty subject or token, white space, a wildcard. One pass over the
 * characters, for it runs with every message.
 *
 * @throws {@link InvalidSubjectError}
 */
export function assertPublishSubject(subject: string): void {
  let token = 0;
  const { length } = subject;
  for (let i = 0; i < length; i++) {
    const char = subject.charCodeAt(i);
    if (char === DOT) {
      if (token === i) throw invalid(subject);
      token = i + 1;
    } else if (char <= SPACE || char === DELETE) {
      throw invalid(subject);
    } else if ((char === STAR || char === GREATER) && token === i) {
      if (i + 1 === length || subject.charCodeAt(i + 1) === DOT) throw invalid(subject);
    }
  }
  if (token === length) throw invalid(subject);
}

function invalid(subject: string): InvalidSubjectError {
  return new InvalidSubjectError(
    subject,
    'tokens of one or more characters, separated by dots, without white space and wildcards',
  );
}
