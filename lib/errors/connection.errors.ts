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
