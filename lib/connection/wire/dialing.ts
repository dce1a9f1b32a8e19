import type { NatsConnection } from '@nats-io/transport-node';
import { InvalidSubjectError } from '../../errors/index.js';

/**
 * Whether the client is connecting to a server whose information it does not have yet. Messages published in this state
 * would be sent unchecked, and a server with a smaller payload limit than the last one closes the connection for a
 * larger payload. Messages are discarded instead, like those in flight when the link was lost.
 */
export function isDialing(nc: NatsConnection): boolean {
  return nc.info === undefined && !nc.isClosed() && !nc.isDraining();
}

/** @throws {@link InvalidSubjectError} for the subjects that the client rejects too */
export function checkSubjects(subject: string, reply = ''): void {
  for (const each of reply === '' ? [subject] : [subject, reply]) {
    if (each === '' || /[ \n\r\t]/.test(each))
      throw new InvalidSubjectError(each, 'it is empty or contains white space');
  }
}
