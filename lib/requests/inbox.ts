import { createInbox, type NatsConnection } from '@nats-io/transport-node';

/** A new inbox under the connection's `inboxPrefix`: permissions are often given for that prefix only. */
export function createInboxOf(nc: NatsConnection): string {
  // The client keeps its options on the connection, but not in its type.
  const { options } = nc as { options?: { inboxPrefix?: string } };
  return createInbox(options?.inboxPrefix);
}

/** The number that a reply subject ends with, or one that no request has. */
export function serialOf(subject: string, start: number): number {
  let serial = 0;
  for (let i = start; i < subject.length; i++) {
    const digit = subject.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    serial = serial * 10 + digit;
  }
  return serial;
}
