import {
  ConnectionClosedError,
  InvalidArgumentError,
  InvalidMessageError,
  InvalidSubjectError,
  JetStreamError,
  MessageNotFoundError,
  NoRespondersError,
  NoStreamResponseError,
  NotConnectedError,
  PayloadEncodingError,
  PayloadTooLargeError,
  PermissionDeniedError,
  PublishTimeoutError,
  RequestTimeoutError,
  StreamNotFoundError,
  UnsupportedServerFeatureError,
} from '../../errors/index.js';
import { errorText, isInstance } from '../../reporting/index.js';

/** Why a request of the page is refused, as the caller sees it. */
export class TryItRefusal extends Error {
  constructor(
    /** The HTTP status. */
    readonly status: number,
    message: string,
    /** After how many seconds it may succeed. */
    readonly retryAfter?: number,
  ) {
    super(message);
    this.name = 'TryItRefusal';
  }
}

/** The status for each error that is not the fault of the service. */
const STATUS: readonly (readonly [number, abstract new (...args: never[]) => JetStreamError])[] = [
  [422, InvalidMessageError],
  [400, InvalidArgumentError],
  [400, InvalidSubjectError],
  [400, PayloadEncodingError],
  [404, StreamNotFoundError],
  [404, MessageNotFoundError],
  [413, PayloadTooLargeError],
  [501, UnsupportedServerFeatureError],
  [502, PermissionDeniedError],
  [503, NotConnectedError],
  [503, ConnectionClosedError],
  [503, NoRespondersError],
  [503, NoStreamResponseError],
  [504, RequestTimeoutError],
  [504, PublishTimeoutError],
];

/** The refusal for an error of this library; `undefined` for any other error, whose text may not be meant for callers. */
export function refusalOf(error: unknown): TryItRefusal | undefined {
  if (error instanceof TryItRefusal) return error;
  if (!isInstance(error, JetStreamError)) return undefined;
  const [status] = STATUS.find(([, type]) => isInstance(error, type)) ?? [502];
  return new TryItRefusal(status, errorText(error));
}
