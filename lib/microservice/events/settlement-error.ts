import { HttpException, HttpStatus } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { HandlerFailedError } from '../../errors/index.js';
import { InvalidPayloadError, RetryMessage, TerminateMessage } from '../../handlers/index.js';
import { errorText, isUnknownError } from '../serving/index.js';

/** What Nest's pipes refuse a payload with, unless they are told otherwise. */
const INVALID: readonly number[] = [HttpStatus.BAD_REQUEST, HttpStatus.UNPROCESSABLE_ENTITY];

/** What settlement sees of what came out of Nest's pipeline. */
export function toSettlementError(error: unknown): Error {
  if (error instanceof HttpException && INVALID.includes(error.getStatus())) {
    return new InvalidPayloadError(`invalid payload: ${reasons(error)}`, { cause: error });
  }
  if (error instanceof Error) return error;
  const words = isUnknownError(error)
    ? "what Nest's exception filter logged and hid; register JetStreamExceptionFilter to settle by what was thrown"
    : errorText(error);
  return new HandlerFailedError(words, { cause: error });
}

/** Whether an error says itself what is to become of the message. */
export function isVerdict(error: unknown): error is RetryMessage | TerminateMessage | InvalidPayloadError {
  return (
    error instanceof RetryMessage || error instanceof TerminateMessage || error instanceof InvalidPayloadError
  );
}

/** Whether a handler of requests failed on purpose: the error is its answer, and calling it again would not change it. */
export function isAnswer(error: unknown): boolean {
  if (isVerdict(error)) return false;
  return error instanceof RpcException || (!(error instanceof Error) && !isUnknownError(error));
}

function reasons(error: HttpException): string {
  const response = error.getResponse();
  const message = typeof response === 'object' ? (response as { message?: unknown }).message : response;
  return Array.isArray(message) ? message.join('; ') : typeof message === 'string' ? message : error.message;
}
