import type { Msg } from '@nats-io/transport-node';

/** What the server says to a pull request other than a message (ADR-13, ADR-37). */
export interface PullStatus {
  readonly code: number;
  readonly description: string;
  /** How many messages of the request the server will not send any more; with `bytesLeft` in its headers. */
  readonly messagesLeft: number;
  readonly bytesLeft: number;
}

/**
 * Reads a status message; `undefined` for a message of the stream.
 *
 * Only an empty payload can be a status, so that messages with a payload cost one comparison. A stored message may
 * carry a status line of its own, hence the look at the subject: statuses arrive on the inbox itself.
 */
export function pullStatus(msg: Msg, inbox: string): PullStatus | undefined {
  if (msg.data.length > 0) return undefined;
  const headers = msg.headers;
  if (headers === undefined || headers.code === 0 || !msg.subject.startsWith(inbox)) return undefined;
  return {
    code: headers.code,
    description: headers.description,
    messagesLeft: Number(headers.get('Nats-Pending-Messages')) || 0,
    bytesLeft: Number(headers.get('Nats-Pending-Bytes')) || 0,
  };
}
