import type { NatsConnection } from '@nats-io/transport-node';
import { InvalidSubjectError } from '../../errors/index.js';

/**
 * Whether the client is about to connect to a server that it knows nothing of yet. What is published then would be sent
 * unchecked, and a server that takes smaller payloads than the last one closes the connection for a larger one. Messages are
 * discarded instead, like those that were on their way when the link broke.
 */
export function isDialing(nc: NatsConnection): boolean {
  return nc.info === undefined && !nc.isClosed() && !nc.isDraining();
}

/** @throws {@link InvalidSubjectError} as the client does for what it sends */
export function checkSubjects(subject: string, reply = ''): void {
  for (const each of reply === '' ? [subject] : [subject, reply]) {
    if (each === '' || /[ \n\r\t]/.test(each))
      throw new InvalidSubjectError(each, 'it is empty or contains white space');
  }
}
