import { createInbox, type NatsConnection } from '@nats-io/transport-node';

/** A new inbox under the connection's `inboxPrefix`, because permissions are often granted for that prefix only. */
export function createInboxOf(nc: NatsConnection): string {
  // The connection of the client has its options, but its type does not.
  const { options } = nc as { options?: { inboxPrefix?: string } };
  return createInbox(options?.inboxPrefix);
}

/** The number at the end of a reply subject; otherwise a number that no request has. */
export function serialOf(subject: string, start: number): number {
  let serial = 0;
  for (let i = start; i < subject.length; i++) {
    const digit = subject.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    serial = serial * 10 + digit;
  }
  return serial;
}
