import { Logger } from '@nestjs/common';
import { heldBackText, printable, ReportLimiter } from '../reporting/index.js';
import type { JetStreamConnection } from './jetstream-connection.js';

/**
 * Reports what a connection has no permission for: of each operation and subject once in a minute. The server tells the
 * client so, and none of those who wait: without this, a handler would just get its messages again and again, or not at all.
 *
 * @returns ends the reports
 */
export function watchPermissions(
  connection: JetStreamConnection,
  onDenied: (error: Error) => void,
): () => void {
  const logger = new Logger('NatsConnection');
  const limiter = new ReportLimiter();
  return connection.listen({
    onPermissionDenied: (error) => {
      // Acknowledgements are refused one by one, each for a subject of its own.
      const operation = error.operation === 'publish' ? 'publish' : 'subscribe';
      const heldBack = limiter.admit(operation);
      if (heldBack === undefined) return;
      logger.error(
        `Connection "${connection.name}": no permission to ${operation} to "${printable(error.subject)}", so messages ` +
          `may not come, or come again without end. Grant its user this permission${heldBackText(heldBack)}.`,
      );
      onDenied(error);
    },
  });
}
