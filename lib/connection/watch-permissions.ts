import { Logger } from '@nestjs/common';
import type { NatsConnection, PermissionViolationError } from '@nats-io/transport-node';

/** Acknowledgements are refused one by one: each kind of refusal is told once in this time, in milliseconds. */
const TOLD_AGAIN_AFTER = 60_000;

/**
 * Reports what a connection has no permission for. The server tells the client so, and none of those who wait: without
 * this, a handler would just get its messages again and again, or not at all.
 */
export async function watchPermissions(
  connection: string,
  nc: NatsConnection,
  onDenied: (error: Error) => void,
): Promise<void> {
  const logger = new Logger('NatsConnection');
  const toldAt = new Map<string, number>();
  for await (const status of nc.status()) {
    if (status.type !== 'error' || !isPermissionViolation(status.error)) continue;
    const { operation, subject } = status.error;
    const now = performance.now();
    if (now - (toldAt.get(operation) ?? -Infinity) < TOLD_AGAIN_AFTER) continue;
    toldAt.set(operation, now);
    const what = operation === 'publish' ? 'publish' : 'subscribe';
    logger.error(
      `Connection "${connection}": no permission to ${what} to "${subject}": ` +
        'messages may not come, or come again without end. Mend the permissions of its user.',
    );
    onDenied(status.error);
  }
}

/** By name: the connection may be the application's own, made with another copy of the client. */
function isPermissionViolation(error: Error): error is PermissionViolationError {
  return error.name === 'PermissionViolationError';
}
