import { Logger } from '@nestjs/common';
import { heldBackText, printable, ReportLimiter } from '../reporting/index.js';
import type { JetStreamConnection } from './jetstream-connection.js';

/**
 * Reports the missing permissions of a connection, once a minute for each operation and subject. The server notifies
 * only the client, and not the waiting callers: without these reports, a handler would receive its messages repeatedly,
 * or not at all, without an explanation.
 *
 * @returns a function that ends the reports
 */
export function watchPermissions(
  connection: JetStreamConnection,
  onDenied: (error: Error) => void,
): () => void {
  const logger = new Logger('NatsConnection');
  const limiter = new ReportLimiter();
  return connection.listen({
    onPermissionDenied: (error) => {
      // Acknowledgements are refused one by one, each with a different subject.
      const operation = error.operation === 'publish' ? 'publish' : 'subscribe';
      const heldBack = limiter.admit(operation);
      if (heldBack === undefined) return;
      logger.error(
        `Connection "${connection.name}": no permission to ${operation} to "${printable(error.subject)}", so messages ` +
          `may never arrive, or may be redelivered endlessly. Grant its user this permission${heldBackText(heldBack)}.`,
      );
      onDenied(error);
    },
  });
}
