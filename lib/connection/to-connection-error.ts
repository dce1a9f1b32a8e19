import { Buffer } from 'node:buffer';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  ConnectionClosedError,
  InvalidArgumentError,
  InvalidSubjectError,
  JetStreamError,
  PayloadTooLargeError,
  PermissionDeniedError,
} from '../errors/index.js';
import { toError } from '../reporting/index.js';

/** The connection that an operation failed on. */
export interface FailedConnection {
  readonly name: string;
  readonly nc: Pick<NatsConnection, 'isClosed' | 'isDraining'>;
  readonly maxPayload: number;
}

/** The attempted operation, as far as it is known. */
export interface FailedOperation {
  readonly subject?: string | undefined;
  readonly reply?: string | undefined;
  readonly data?: Uint8Array | string | undefined;
}

/**
 * Translates errors of the client to errors of this library, with the client's error as the cause: a closed or draining
 * connection, missing permissions, a subject, header or payload that the client rejects. Errors of this library and
 * errors without a translation are returned unchanged.
 */
export function toConnectionError(
  thrown: unknown,
  connection: FailedConnection,
  { subject = '', reply = '', data = '' }: FailedOperation = {},
): Error {
  const error = toError(thrown);
  if (error instanceof JetStreamError) return error;
  const options = { cause: error };
  // Compared by name, because the application may have created the connection with another copy of the client.
  switch (error.name) {
    case 'ClosedConnectionError':
    case 'DrainingConnectionError':
      return new ConnectionClosedError(connection.name, options);
    case 'PermissionViolationError': {
      const { operation, subject: denied } = error as Error & { operation?: unknown; subject?: unknown };
      return new PermissionDeniedError(
        connection.name,
        operation === 'subscription' ? 'subscribe' : 'publish',
        typeof denied === 'string' && denied !== '' ? denied : subject,
        options,
      );
    }
    case 'InvalidSubjectError': {
      const isReply = reply !== '' && error.message.includes(`'${reply}'`) && reply !== subject;
      const problem = 'it is empty or contains white space';
      return new InvalidSubjectError(isReply ? reply : subject, problem, options);
    }
    case 'InvalidArgumentError':
      if (error.message.includes('max_payload')) {
        return new PayloadTooLargeError(subject, Buffer.byteLength(data), connection.maxPayload, options);
      }
      return new InvalidArgumentError('argument', error.message, options);
    default:
      // The link ended during an operation, such as a flush.
      return connection.nc.isClosed() ? new ConnectionClosedError(connection.name, options) : error;
  }
}
