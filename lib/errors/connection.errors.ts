import { JetStreamError } from './jetstream.error.js';

/** The first connection could not be made: refused credentials, wrong options, or nobody there and no wish to wait. */
export class ConnectionFailedError extends JetStreamError {
  constructor(
    /** The name of the connection. */
    readonly connection: string,
    /** The servers tried, without credentials. */
    readonly servers: string,
    reason: string,
  ) {
    super(
      `Connection "${connection}" to ${servers} failed: ${reason}. Check the address, the credentials and TLS.`,
    );
  }
}

/** The server refused to publish or to subscribe: the user of the connection has no permission for the subject. */
export class PermissionDeniedError extends JetStreamError {
  constructor(
    /** The name of the connection, as given to `JetStreamModule.forRoot`. */
    readonly connection: string,
    /** What was refused. */
    readonly operation: 'publish' | 'subscribe',
    /** The subject that it was refused for. */
    readonly subject: string,
    options?: ErrorOptions,
  ) {
    super(
      `The user of connection "${connection}" has no permission to ${operation} to "${subject}". ` +
        'Grant the user this permission in the configuration of the server or account.',
      options,
    );
  }
}
