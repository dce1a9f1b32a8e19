import { RpcException } from '@nestjs/microservices';
import { errorText as textOf, isInstance, printable, propertyOf } from '../../reporting/index.js';

/** The error that is sent to a caller if Nest does not disclose the handler's error. */
export const UNKNOWN_ERROR = { status: 'error', message: 'Internal server error' } as const;

/**
 * Whether an error is the one with which Nest's own exception filter replaces all except `RpcException`; Nest has
 * logged the original. Never throws.
 */
export function isUnknownError(error: unknown): boolean {
  if (typeof error !== 'object') return false;
  return (
    propertyOf(error, 'status') === UNKNOWN_ERROR.status &&
    propertyOf(error, 'message') === UNKNOWN_ERROR.message
  );
}

/** An error in the form of a packet: exception filters throw plain objects, or errors as they are. */
export function errorForPacket(error: unknown): unknown {
  if (isInstance(error, RpcException)) {
    const content = error.getError();
    if (!(content instanceof Error)) {
      return typeof content === 'string' ? { status: 'error', message: content } : content;
    }
  }
  if (isInstance(error, Error)) return { status: 'error', message: error.message };
  if (typeof error === 'function' || typeof error === 'symbol') {
    return { status: 'error', message: errorText(error) };
  }
  // Callers treat an error that is false, 0 or an empty text as no error.
  return error || UNKNOWN_ERROR;
}

/**
 * The text of any error of a handler, including plain objects; on one line, escaped and limited in length. Never
 * throws.
 */
export function errorText(error: unknown): string {
  try {
    if (typeof error === 'object' && error !== null && !(error instanceof Error)) {
      const { message } = error as { readonly message?: unknown };
      return printable(typeof message === 'string' ? message : (JSON.stringify(error) ?? typeof error));
    }
  } catch {
    // A getter that throws, a cycle or a bigint: the text below is used instead.
  }
  return textOf(error);
}
