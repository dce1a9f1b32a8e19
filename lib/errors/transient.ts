import {
  JetStreamApiError,
  JetStreamNotEnabledError,
  JetStreamNotEnabledForAccountError,
} from './api.errors.js';
import { RequestTimeoutError } from './request.errors.js';

/** The codes of refusals that pass by themselves: the cluster elects a leader, or its servers are still finding each other. */
const PASSING = new Set([
  10004, // incomplete results
  10005, // no suitable peers for placement
  10007, // cluster not assigned
  10008, // JetStream system temporarily unavailable
  10009, // cluster cannot handle the request
]);
/** Refusals with the status "unavailable" that stay until somebody changes the server. */
const LASTING = new Set([
  10023, // insufficient resources
]);
const UNAVAILABLE = 503;

/**
 * Whether an error of the JetStream API may pass by itself, so that what is safe to repeat is worth repeating: no leader, a
 * cluster that is starting, no answer in time.
 *
 * @internal
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof RequestTimeoutError) return true;
  if (!(error instanceof JetStreamApiError)) return false;
  if (error instanceof JetStreamNotEnabledError || error instanceof JetStreamNotEnabledForAccountError)
    return false;
  return PASSING.has(error.code) || (error.status === UNAVAILABLE && !LASTING.has(error.code));
}
