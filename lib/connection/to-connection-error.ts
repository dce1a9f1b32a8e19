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

/** What was attempted, as far as it is known. */
export interface FailedOperation {
  readonly subject?: string | undefined;
  readonly reply?: string | undefined;
  readonly data?: Uint8Array | string | undefined;
}

/**
 * Translates what the client threw into this library's errors, the client's error being the cause: a closed or draining
 * connection, missing permissions, a subject, header or payload that the client refuses. Errors of this library and errors
 * that have no translation are returned as they are.
 */
export function toConnectionError(
  thrown: unknown,
  connection: FailedConnection,
  { subject = '', reply = '', data = '' }: FailedOperation = {},
): Error {
  const error = toError(thrown);
  if (error instanceof JetStreamError) return error;
  const options = { cause: error };
  // By name: the connection may be the application's own, made with another copy of the client.
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
      // A link that ended while something was on its way, such as a flush.
      return connection.nc.isClosed() ? new ConnectionClosedError(connection.name, options) : error;
  }
}
