import { Buffer } from 'node:buffer';
import { InvalidSubjectError } from '../../errors/index.js';

/** The default limit of servers for a protocol line (`max_control_line`), in bytes. */
const LONGEST = 4_096;
/** The blanks and sizes of a line. */
const SIZES = 20;
/** Text of this length always fits. */
const SHORT = Math.floor((LONGEST - SIZES) / 3);

/**
 * Rejects subjects that exceed the line limit, because the server would end the connection for all of its users.
 *
 * @param other the other part of the line: a reply subject, or a queue group
 * @throws {@link InvalidSubjectError}
 */
export function checkLineLength(subject: string, other = ''): void {
  if (typeof subject !== 'string') throw new InvalidSubjectError(String(subject), 'it is not a string');
  if (subject.length + other.length <= SHORT) return;
  const length = Buffer.byteLength(subject) + Buffer.byteLength(other) + SIZES;
  if (length <= LONGEST) return;
  throw new InvalidSubjectError(
    subject,
    `it makes a protocol line of ${length} bytes, but at most ${LONGEST} are allowed`,
  );
}
