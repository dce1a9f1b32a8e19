import { RpcException } from '@nestjs/microservices';
import { invalidPayload, isPipeRefusal, isSettlementError } from '../../consuming/index.js';
import { HandlerFailedError } from '../../errors/index.js';
import { isInstance } from '../../reporting/index.js';
import { errorText, isUnknownError } from '../serving/index.js';

/**
 * Converts an error from Nest's pipeline for settlement: a payload that a pipe rejected becomes an
 * `InvalidPayloadError`.
 */
export function toSettlementError(error: unknown): Error {
  if (isPipeRefusal(error)) return invalidPayload(error);
  if (isInstance(error, Error)) return error;
  const words = isUnknownError(error)
    ? "Nest's exception filter logged and replaced the error; register JetStreamExceptionFilter to settle by the original error"
    : errorText(error);
  return new HandlerFailedError(words, { cause: error });
}

/**
 * Whether a handler of requests failed on purpose: the error is its answer, and calling it again would not change it.
 * This excludes errors that determine their own settlement, rejections of pipes, and `undefined` and `null`, which
 * contain no information for the caller.
 */
export function isAnswer(error: unknown): boolean {
  if (error === undefined || error === null || isSettlementError(error) || isPipeRefusal(error)) return false;
  return isInstance(error, RpcException) || (!isInstance(error, Error) && !isUnknownError(error));
}
