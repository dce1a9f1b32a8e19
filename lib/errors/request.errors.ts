import { JetStreamError } from './jetstream.error.js';

/** A request received no reply before its deadline. */
export class RequestTimeoutError extends JetStreamError {
  constructor(
    /** The subject of the request. */
    readonly subject: string,
    /** The deadline, in milliseconds. */
    readonly timeout: number,
    /** Whether the request was sent. It is not sent while the connection is down. */
    readonly sent = true,
    /** The stream that stored the request because it listens on the same subject. */
    readonly storedBy?: string,
  ) {
    super(adviceOn(subject, timeout, sent, storedBy));
  }
}

function adviceOn(subject: string, timeout: number, sent: boolean, storedBy: string | undefined): string {
  if (!sent) return `The request to "${subject}" was not sent: the connection was down for ${timeout} ms.`;
  const problem = `No reply to "${subject}" within ${timeout} ms`;
  return storedBy === undefined
    ? `${problem}. Is the server reachable, and the timeout long enough?`
    : `${problem}, but the stream "${storedBy}" stored the request, since it listens on the subject. If the service has ` +
        "mode: 'jetstream', send the request with setMode('jetstream') too; otherwise take the subject out of the stream.";
}

/** The server reported that no responder listens on the subject of a request (status 503). */
export class NoRespondersError extends JetStreamError {
  constructor(
    /** The subject that the request was sent to. */
    readonly subject: string,
  ) {
    super(
      `No responders on "${subject}": is a service running that listens there? For JetStream, is it enabled, and does ` +
        'a stream listen on that subject?',
    );
  }
}

/**
 * The connection is closed or draining, or was closed while the operation was pending. Any operation can fail with this
 * error.
 */
export class ConnectionClosedError extends JetStreamError {
  constructor(
    /** The name of the connection, as given to `JetStreamModule.forRoot`. */
    readonly connection: string,
    options?: ErrorOptions,
  ) {
    super(
      `The NATS connection "${connection}" is closed. Nothing more can be sent or received over it: the log says why it was ` +
        'closed; open another, or restart the application.',
      options,
    );
  }
}

/** The user of the connection may not subscribe to the inbox that receives the replies. */
export class InboxPermissionError extends JetStreamError {
  constructor(
    /** The name of the connection. */
    readonly connection: string,
    /** The subject of the refused subscription. */
    readonly inbox: string,
    options?: ErrorOptions,
  ) {
    super(
      `The user of connection "${connection}" may not subscribe to "${inbox}": allow it in the server configuration, ` +
        'or set connection.inboxPrefix to a prefix that is allowed.',
      options,
    );
  }
}

/** Too many requests are waiting for replies at the same time. The request was not sent. */
export class TooManyPendingRequestsError extends JetStreamError {
  constructor(
    /** The name of the connection. */
    readonly connection: string,
    /** The subject of the request. */
    readonly subject: string,
    /** The maximum number of pending requests. */
    readonly maximum: number,
  ) {
    super(
      `Not sent to "${subject}": ${maximum} requests of connection "${connection}" wait for replies already. ` +
        'Await some of them before more are made.',
    );
  }
}
