import type { Msg } from '@nats-io/transport-node';

/** A status that the server sends in response to a pull request (ADR-13, ADR-37). */
export interface PullStatus {
  readonly code: number;
  readonly description: string;
  /** The number of messages of the request that the server will not send; corresponds to `bytesLeft` in its headers. */
  readonly messagesLeft: number;
  readonly bytesLeft: number;
}

/**
 * Reads a status message; `undefined` for a message of the stream.
 *
 * A status has an empty payload, so messages with a payload need only one comparison. A stored message may have a
 * status line of its own, so the subject is checked too: statuses arrive on the inbox itself.
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
