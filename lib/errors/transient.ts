import {
  JetStreamApiError,
  JetStreamNotEnabledError,
  JetStreamNotEnabledForAccountError,
} from './api.errors.js';
import { RequestTimeoutError } from './request.errors.js';

/** Codes of temporary refusals: the cluster is electing a leader, or its servers have not found each other yet. */
const PASSING = new Set([
  10004, // incomplete results
  10005, // no suitable peers for placement
  10007, // cluster not assigned
  10008, // JetStream system temporarily unavailable
  10009, // cluster cannot handle the request
]);
/** Refusals with the status "unavailable" that last until the configuration of the server is changed. */
const LASTING = new Set([
  10023, // insufficient resources
]);
const UNAVAILABLE = 503;

/**
 * Whether an error of the JetStream API may be temporary, so that an operation that is safe to repeat should be
 * retried: no leader, a starting cluster, or no answer in time.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof RequestTimeoutError) return true;
  if (!(error instanceof JetStreamApiError)) return false;
  if (error instanceof JetStreamNotEnabledError || error instanceof JetStreamNotEnabledForAccountError)
    return false;
  return PASSING.has(error.code) || (error.status === UNAVAILABLE && !LASTING.has(error.code));
}
