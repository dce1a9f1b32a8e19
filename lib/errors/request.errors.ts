import { JetStreamError } from './jetstream.error.js';

/**
 * A request received no reply before its deadline.
 *
 * @remarks Check that the server and the service are reachable, or raise the timeout.
 */
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
    /** What to do if the request was sent and no stream stored it. */
    advice = 'Check that the server and the service are reachable, or raise the timeout.',
  ) {
    super(
      inWords(subject, timeout, sent, storedBy) ?? `No reply to "${subject}" within ${timeout} ms. ${advice}`,
    );
  }
}

/** The messages of the special cases. */
function inWords(
  subject: string,
  timeout: number,
  sent: boolean,
  storedBy: string | undefined,
): string | undefined {
  if (!sent) {
    return `The request to "${subject}" was not sent: the connection was down for ${timeout} ms. It is safe to send it again.`;
  }
  if (storedBy === undefined) return undefined;
  return (
    `No reply to "${subject}" within ${timeout} ms, but the stream "${storedBy}" stored the request because it listens on ` +
    "the subject. If the service has mode: 'jetstream', send the request with setMode('jetstream') too; otherwise remove " +
    'the subject from the stream.'
  );
}

/**
 * The server reported that no responder listens on the subject of a request (status 503).
 *
 * @remarks Start a service that listens on the subject; for JetStream, check that it is enabled and that a stream
 * listens on the subject.
 */
export class NoRespondersError extends JetStreamError {
  constructor(
    /** The subject that the request was sent to. */
    readonly subject: string,
  ) {
    super(
      `No responders on "${subject}". Check that a service that listens on this subject is running; for JetStream, check ` +
        'that it is enabled and that a stream listens on this subject.',
    );
  }
}

/**
 * The application was started without a server, by `JetStreamModule.forRoot({ connect: false })` or
 * `JETSTREAM_CONNECT=false`, so nothing can be sent or received. Any call that needs a server fails with this error. With
 * `connect: 'lazy'`, only calls that cannot wait fail with it, as long as the connection is not open: `publish` and
 * `subscribe` of the injected `NatsConnection`.
 *
 * @remarks Remove this setting, or replace the service that is called, for example by a mock. With `connect: 'lazy'`, await
 * any other call first, such as `flush()` of the `NatsConnection`, which opens it.
 */
export class NotConnectedError extends JetStreamError {
  constructor(
    /** The name of the connection, as given to `JetStreamModule.forRoot`. */
    readonly connection: string,
    /** Whether a call that can wait will open the connection (`connect: 'lazy'`). */
    readonly isLazy = false,
  ) {
    super(
      isLazy
        ? `The connection "${connection}" is not open yet, because its JetStreamModule.forRoot has the option connect: 'lazy', ` +
            'and this call cannot wait for it. Await flush() of the NatsConnection, or a call of a service, first.'
        : `The connection "${connection}" has no server, because its JetStreamModule.forRoot has the option connect: false, ` +
            'or JETSTREAM_CONNECT is "false". Remove this setting, or replace the service that is called, for example by a mock.',
    );
  }
}

/**
 * The connection is closed or draining, or was closed while the operation was pending. Any operation can fail with this
 * error.
 *
 * @remarks See the log for the reason, and open another connection or restart the application.
 */
export class ConnectionClosedError extends JetStreamError {
  constructor(
    /** The name of the connection, as given to `JetStreamModule.forRoot`. */
    readonly connection: string,
    options?: ErrorOptions,
  ) {
    super(
      `The NATS connection "${connection}" is closed, so nothing can be sent or received over it. See the log for the reason, ` +
        'and open another connection or restart the application.',
      options,
    );
  }
}

/**
 * The user of the connection may not subscribe to the inbox that receives the replies.
 *
 * @remarks Grant the user this permission, or set `connection.inboxPrefix` to a prefix that is allowed.
 */
export class InboxPermissionError extends JetStreamError {
  constructor(
    /** The name of the connection. */
    readonly connection: string,
    /** The subject of the refused subscription. */
    readonly inbox: string,
    options?: ErrorOptions,
  ) {
    super(
      `The user of connection "${connection}" has no permission to subscribe to the inbox "${inbox}". ` +
        'Grant the user this permission, or set connection.inboxPrefix to a prefix that is allowed.',
      options,
    );
  }
}

/**
 * Too many requests are waiting for replies at the same time. The request was not sent.
 *
 * @remarks Await some of the requests before you send more.
 */
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
      `The request to "${subject}" was not sent: ${maximum} requests of connection "${connection}" are already waiting for replies. ` +
        'Await some of them before you send more.',
    );
  }
}
