import { InvalidSubjectError } from '../../errors/index.js';
import { nameText } from '../../reporting/index.js';

/** @throws {@link InvalidSubjectError} for a subject that cannot be published to */
export function checkSubject(subject: string): void {
  const given: unknown = subject;
  if (typeof given !== 'string' || given === '' || /[\s*>]/.test(given) || given.split('.').includes('')) {
    throw new InvalidSubjectError(nameText(given), 'it is not a subject that can be published to');
  }
}
