import type { JetStreamConnection } from '../../connection/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
import { toNanosAtMost } from '../../timing/index.js';
import { checkMilliseconds, checkWholeNumber, optionsCheck } from '../../validation/index.js';
import { CALL_OPTIONS, type CallOptions } from '../api/index.js';
import { MESSAGES_BY_BYTES, PRIORITY_OPTIONS, priorityOf, type PriorityOptions } from './pull-options.js';
import type { PullLimits, RequestLimits } from './request-limits.js';

/**
 * The limits of one request for messages. Durations in milliseconds.
 *
 * `maxWait` corresponds to the `timeout` of other calls.
 */
export interface FetchOptions extends PriorityOptions {
  /** How long to wait for all messages. Default 30,000. */
  readonly maxWait?: number | undefined;
  /**
   * How often an idle server sends a heartbeat; at most half of `maxWait`. Silence for twice as long ends the request
   * with {@link NoHeartbeatError}. Default 5,000, or none if `maxWait` is below 10,000.
   */
  readonly heartbeat?: number | undefined;
  /** Ends the request; messages that were already delivered can still be read. */
  readonly signal?: AbortSignal | undefined;
}

const checkFetchOptions = optionsCheck<FetchOptions>('fetch', {
  ...PRIORITY_OPTIONS,
  heartbeat: true,
  maxWait: true,
  signal: true,
});

/** Options of a request for messages that are already available. */
export interface FetchNoWaitOptions extends PriorityOptions, CallOptions {}

const checkNoWaitOptions = optionsCheck<FetchNoWaitOptions>('fetchNoWait', {
  ...PRIORITY_OPTIONS,
  ...CALL_OPTIONS,
});

/** How long after its end the final status of a request may take, in milliseconds, as in the Go client. */
const GRACE = 1_000;

/** One request for messages. */
export interface FetchRequest {
  /** The number of messages. */
  readonly messages: number;
  /** The number of bytes; 0: no limit. */
  readonly bytes: number;
  /** 0: only messages that are already available. */
  readonly maxWait: number;
  /** How long the server may take to end the request, in milliseconds. */
  readonly patience: number;
  /** 0: no heartbeats. */
  readonly heartbeat: number;
  readonly signal?: AbortSignal | undefined;
  /** The fields that are the same in each pull request. */
  readonly wire: Readonly<Record<string, unknown>>;
}

/** A pull request in the wire format. */
export interface WireRequest extends Readonly<Record<string, unknown>> {
  readonly batch: number;
}

/** The longest expiry of one pull request, in milliseconds; a longer wait consists of several requests. */
const LONGEST_EXPIRY = 86_400_000;

/**
 * The pull request for the missing messages, within the limits of the consumer, and whether these limits reduced it, so
 * that another request has to follow.
 *
 * @param left the remaining wait, in milliseconds
 */
export function wireRequest(
  { bytes, maxWait, heartbeat, wire }: FetchRequest,
  missing: { readonly messages: number; readonly bytes: number },
  left: number,
  limits: RequestLimits,
): { readonly wire: WireRequest; readonly isPartial: boolean } {
  const batch = Math.min(missing.messages, limits.batch);
  const maxBytes = Math.min(missing.bytes, limits.bytes);
  const expires = Math.min(left, limits.expires, LONGEST_EXPIRY);
  return {
    wire: {
      ...wire,
      batch,
      max_bytes: bytes > 0 ? maxBytes : undefined,
      expires: maxWait > 0 ? toNanosAtMost(Math.max(1, expires)) : undefined,
      idle_heartbeat: heartbeat > 0 ? toNanosAtMost(Math.min(heartbeat, expires / 2)) : undefined,
    },
    isPartial: batch < missing.messages || (bytes > 0 && maxBytes < missing.bytes) || expires < left,
  };
}

const DEFAULT_WAIT = 30_000;
const DEFAULT_HEARTBEAT = 5_000;

/**
 * Checks a request for a number of messages or bytes, and applies the defaults.
 *
 * @throws {@link InvalidArgumentError}, {@link UnsupportedServerFeatureError}
 */
export function toFetchRequest(
  size: { readonly messages: number } | { readonly bytes: number },
  options: FetchOptions,
  limits: PullLimits,
  connection: JetStreamConnection,
): FetchRequest {
  checkFetchOptions(options);
  const messages = 'messages' in size ? size.messages : limits.maxRequestBatch || MESSAGES_BY_BYTES;
  const bytes = 'bytes' in size ? size.bytes : 0;
  checkWholeNumber('messages', messages, 1);
  if ('bytes' in size) checkWholeNumber('bytes', bytes, 1);
  most('messages', messages, limits.maxRequestBatch);
  most('bytes', bytes, limits.maxRequestMaxBytes);
  const longest = limits.maxRequestExpires || Infinity;
  const { maxWait = Math.min(DEFAULT_WAIT, longest), signal } = options;
  checkMilliseconds('maxWait', maxWait, { least: 1, most: longest });
  const { heartbeat = maxWait >= 2 * DEFAULT_HEARTBEAT ? DEFAULT_HEARTBEAT : 0 } = options;
  if (options.heartbeat !== undefined)
    checkMilliseconds('heartbeat', heartbeat, { least: 1, most: maxWait / 2 });
  const { group, minPending, minAckPending, priority } = priorityOf(options, limits, connection);
  const wire = { group, min_pending: minPending, min_ack_pending: minAckPending, priority };
  return { messages, bytes, maxWait, patience: maxWait + GRACE, heartbeat, signal, wire };
}

/** A request for messages that are already available. */
export function toNoWaitRequest(
  messages: number,
  options: FetchNoWaitOptions,
  limits: PullLimits,
  connection: JetStreamConnection,
): FetchRequest {
  const { timeout = connection.timeout, signal } = checkNoWaitOptions(options);
  checkWholeNumber('messages', messages, 1);
  most('messages', messages, limits.maxRequestBatch);
  const { group, minPending, minAckPending, priority } = priorityOf(options, limits, connection);
  const wire = {
    no_wait: true,
    group,
    min_pending: minPending,
    min_ack_pending: minAckPending,
    priority,
  };
  return { messages, bytes: 0, maxWait: 0, patience: timeout, heartbeat: 0, signal, wire };
}

function most(option: string, value: number, limit: number | undefined): void {
  if (limit && value > limit) {
    throw new InvalidArgumentError(
      option,
      `${value} is too large: the consumer allows ${limit} in a request`,
    );
  }
}
