import { Buffer } from 'node:buffer';
import { InvalidSubjectError } from '../../errors/index.js';

/** What servers take in a line of the protocol, unless they are configured otherwise (`max_control_line`), in bytes. */
const LONGEST = 4_096;
/** The blanks and sizes of a line. */
const SIZES = 20;
/** Text of so few characters fits in any case. */
const SHORT = Math.floor((LONGEST - SIZES) / 3);

/**
 * Refuses subjects that make a longer line: the server ends the connection for one, and so for all who share it.
 *
 * @param other what stands in the line beside the subject: a reply subject, or a queue group
 * @throws {@link InvalidSubjectError}
 */
export function checkLineLength(subject: string, other = ''): void {
  if (typeof subject !== 'string') throw new InvalidSubjectError(String(subject), 'it is not text');
  if (subject.length + other.length <= SHORT) return;
  const length = Buffer.byteLength(subject) + Buffer.byteLength(other) + SIZES;
  if (length <= LONGEST) return;
  throw new InvalidSubjectError(subject, `it makes a line of ${length} bytes, and ${LONGEST} are the most`);
}
