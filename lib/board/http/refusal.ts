import {
  AmbiguousHandlerError,
  ApplicationNotRunningError,
  BoardJobRunningError,
  BucketRecreatedError,
  ConnectionClosedError,
  ConnectionFailedError,
  ControlFailedError,
  ControlNotAllowedError,
  DeadLetterPayloadGoneError,
  HandlerNotRunningError,
  InvalidArgumentError,
  InvalidBucketNameError,
  InvalidConsumerNameError,
  InvalidKeyError,
  InvalidMessageError,
  InvalidObjectNameError,
  InvalidStreamNameError,
  InvalidSubjectError,
  JetStreamError,
  KeyDeletedError,
  MaxMessageSizeExceededError,
  NoRespondersError,
  NoStreamResponseError,
  NotConnectedError,
  ObjectChangedError,
  ObjectDeletedError,
  PayloadEncodingError,
  PayloadTooLargeError,
  PermissionDeniedError,
  PublishTimeoutError,
  ReplayRefusedError,
  RequestTimeoutError,
  RevisionMismatchError,
  ServerShutdownError,
  StreamReplacedError,
  TooManyBoardJobsError,
  TooManyConflictsError,
  UnsupportedServerFeatureError,
} from '../../errors/index.js';
import { errorText, isInstance } from '../../reporting/index.js';
import type { BoardFailure } from '../model/index.js';

/** Why a request is refused, as the caller sees it. */
export class BoardRefusal extends Error {
  constructor(
    /** The HTTP status. */
    readonly status: number,
    message: string,
    /** The class of the error. */
    readonly error = 'Refused',
    /** After how many seconds a request may succeed. */
    readonly retryAfter?: number,
  ) {
    super(message);
    this.name = 'BoardRefusal';
  }

  get body(): BoardFailure {
    return { error: { name: this.error, message: this.message } };
  }
}

/** The status for each error that is not a fault of the application. */
const STATUS: readonly (readonly [number, abstract new (...args: never[]) => JetStreamError])[] = [
  [400, InvalidArgumentError],
  [400, InvalidSubjectError],
  [400, InvalidStreamNameError],
  [400, InvalidConsumerNameError],
  [400, InvalidBucketNameError],
  [400, InvalidKeyError],
  [400, InvalidObjectNameError],
  [400, PayloadEncodingError],
  [403, ControlNotAllowedError],
  [404, DeadLetterPayloadGoneError],
  [404, KeyDeletedError],
  [404, ObjectDeletedError],
  [409, AmbiguousHandlerError],
  [409, ApplicationNotRunningError],
  [409, BoardJobRunningError],
  [409, BucketRecreatedError],
  [409, ControlFailedError],
  [409, HandlerNotRunningError],
  [409, ObjectChangedError],
  [409, ReplayRefusedError],
  [409, RevisionMismatchError],
  [409, StreamReplacedError],
  [409, TooManyBoardJobsError],
  [409, TooManyConflictsError],
  [413, MaxMessageSizeExceededError],
  [413, PayloadTooLargeError],
  [422, InvalidMessageError],
  [501, UnsupportedServerFeatureError],
  [502, PermissionDeniedError],
  [503, ConnectionClosedError],
  [503, ConnectionFailedError],
  [503, NoRespondersError],
  [503, NoStreamResponseError],
  [503, NotConnectedError],
  [503, ServerShutdownError],
  [504, PublishTimeoutError],
  [504, RequestTimeoutError],
];

/**
 * The refusal for an error of this library, whose texts contain no secrets; `undefined` for any other error, whose text
 * may not be meant for callers.
 */
export function refusalOf(error: unknown): BoardRefusal | undefined {
  if (error instanceof BoardRefusal) return error;
  if (!isInstance(error, JetStreamError)) return undefined;
  return new BoardRefusal(statusOf(error), errorText(error), error.name);
}

function statusOf(error: JetStreamError): number {
  const [status] = STATUS.find(([, type]) => isInstance(error, type)) ?? [];
  if (status !== undefined) return status;
  // All errors about something that does not exist are named alike.
  return error.name.endsWith('NotFoundError') ? 404 : 500;
}
