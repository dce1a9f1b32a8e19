import { RpcException } from '@nestjs/microservices';
import { errorText as textOf, isInstance, printable, propertyOf } from '../../reporting/index.js';

/** What a caller is told if a handler failed in a way that Nest does not disclose. */
export const UNKNOWN_ERROR = { status: 'error', message: 'Internal server error' } as const;

/**
 * Whether an error is what Nest's own exception filter makes of all that is no `RpcException`; Nest has logged it. Never throws.
 */
export function isUnknownError(error: unknown): boolean {
  if (typeof error !== 'object') return false;
  return (
    propertyOf(error, 'status') === UNKNOWN_ERROR.status &&
    propertyOf(error, 'message') === UNKNOWN_ERROR.message
  );
}

/** An error as a packet carries it: exception filters throw plain objects, or errors as they are. */
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
  // To a caller, an error that is false, 0 or an empty text is none.
  return error || UNKNOWN_ERROR;
}

/** The text of whatever a handler failed with, also of plain objects; on one line, escaped and bounded. Never throws. */
export function errorText(error: unknown): string {
  try {
    if (typeof error === 'object' && error !== null && !(error instanceof Error)) {
      const { message } = error as { readonly message?: unknown };
      return printable(typeof message === 'string' ? message : (JSON.stringify(error) ?? typeof error));
    }
  } catch {
    // A getter that throws, a cycle or a bigint: the text below is the best that there is.
  }
  return textOf(error);
}
