import type { JetStreamConnection } from '../../connection/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
import { toNanosAtMost } from '../../timing/index.js';
import { optionsCheck } from '../../validation/index.js';
import {
  MESSAGES_BY_BYTES,
  positive,
  PRIORITY_OPTIONS,
  priorityOf,
  type PriorityOptions,
  within,
} from './pull-options.js';
import type { PullLimits, RequestLimits } from './request-limits.js';

/** How long one request for messages may take. Durations in milliseconds. */
export interface FetchOptions extends PriorityOptions {
  /** How long to wait for all of them. Default 30,000. */
  readonly maxWait?: number | undefined;
  /**
   * How often an idle server says that it is there; at most half of `maxWait`. Silence for twice as long ends the
   * request with {@link NoHeartbeatError}. Default 5,000, or none where `maxWait` is below 10,000.
   */
  readonly heartbeat?: number | undefined;
  /** Gives the request up; what it delivered by then can still be read. */
  readonly signal?: AbortSignal | undefined;
}

const checkFetchOptions = optionsCheck<FetchOptions>('fetch', {
  ...PRIORITY_OPTIONS,
  heartbeat: true,
  maxWait: true,
  signal: true,
});
const checkNoWaitOptions = optionsCheck<PriorityOptions>('fetchNoWait', PRIORITY_OPTIONS);

/** One request for messages, as it is sent and watched over. */
export interface FetchRequest {
  /** How many messages. */
  readonly messages: number;
  /** How many bytes; 0: as many as the messages have. */
  readonly bytes: number;
  /** 0: only what is there already. */
  readonly maxWait: number;
  /** 0: none. */
  readonly heartbeat: number;
  readonly signal?: AbortSignal | undefined;
  /** What is the same in each request that is sent. */
  readonly wire: Readonly<Record<string, unknown>>;
}

/** A request in the wire's form. */
export interface WireRequest extends Readonly<Record<string, unknown>> {
  readonly batch: number;
}

/** The longest time that one request waits at the server, in milliseconds; a longer wait is made of several requests. */
const LONGEST_EXPIRY = 86_400_000;

/**
 * The request to send for what is missing, within the limits of the consumer, and whether these made it smaller, so that
 * another one has to follow.
 *
 * @param left how much of the wait is left, in milliseconds
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
 * Checks a request for so many messages or bytes, and fills in the defaults.
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
  positive('messages', messages);
  if ('bytes' in size) positive('bytes', bytes);
  most('messages', messages, limits.maxRequestBatch);
  most('bytes', bytes, limits.maxRequestMaxBytes);
  const longest = limits.maxRequestExpires || Infinity;
  const { maxWait = Math.min(DEFAULT_WAIT, longest), signal } = options;
  within('maxWait', maxWait, 1, longest);
  const { heartbeat = maxWait >= 2 * DEFAULT_HEARTBEAT ? DEFAULT_HEARTBEAT : 0 } = options;
  if (options.heartbeat !== undefined) within('heartbeat', heartbeat, 1, maxWait / 2);
  const { group, minPending, minAckPending, priority } = priorityOf(options, limits, connection);
  const wire = { group, min_pending: minPending, min_ack_pending: minAckPending, priority };
  return { messages, bytes, maxWait, heartbeat, signal, wire };
}

/** A request for what is there already. */
export function toNoWaitRequest(
  messages: number,
  options: PriorityOptions,
  limits: PullLimits,
  connection: JetStreamConnection,
): FetchRequest {
  checkNoWaitOptions(options);
  positive('messages', messages);
  most('messages', messages, limits.maxRequestBatch);
  const { group, minPending, minAckPending, priority } = priorityOf(options, limits, connection);
  const wire = {
    no_wait: true,
    group,
    min_pending: minPending,
    min_ack_pending: minAckPending,
    priority,
  };
  return { messages, bytes: 0, maxWait: 0, heartbeat: 0, wire };
}

function most(option: string, value: number, limit: number | undefined): void {
  if (limit && value > limit) {
    throw new InvalidArgumentError(option, `${value}: the consumer allows ${limit} in a request`);
  }
}
