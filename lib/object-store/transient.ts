import {
  InvalidPubAckError,
  ConnectionClosedError,
  JetStreamApiError,
  JetStreamNotEnabledError,
  NoRespondersError,
  NoStreamResponseError,
  PublishTimeoutError,
  RequestTimeoutError,
  TooManyPendingRequestsError,
} from '../errors/index.js';

// Temporarily unavailable, not leader, insufficient resources, duplicate in process, too many requests.
const PASSING = new Set([10008, 10009, 10023, 10158, 10167]);

/** The pauses between retries, in milliseconds. */
export const PAUSES = { first: 50, longest: 1_000 } as const;

/** Whether an error may be temporary, such as a timeout or a leader election, so that a retry may succeed. */
export function mayPass(error: unknown): boolean {
  return (
    error instanceof RequestTimeoutError ||
    error instanceof TooManyPendingRequestsError ||
    (error instanceof JetStreamApiError && PASSING.has(error.code))
  );
}

/** The same for publishing: a stream without a leader does not respond. */
export function mayPassForPublish(error: unknown): boolean {
  return mayPass(error) || error instanceof NoRespondersError || error instanceof JetStreamNotEnabledError;
}

/** Whether the error of a publish leaves unknown whether the message is stored. */
export function isUnanswered(error: unknown): error is Error {
  return (
    error instanceof PublishTimeoutError ||
    error instanceof NoStreamResponseError ||
    error instanceof RequestTimeoutError ||
    error instanceof InvalidPubAckError ||
    error instanceof ConnectionClosedError
  );
}
