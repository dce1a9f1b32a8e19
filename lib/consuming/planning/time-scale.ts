import type { JsConsumerOptions } from '../options/index.js';

/**
 * The shortest `ackWait`, in milliseconds, unless that of the handler is shorter. A busy machine may not extend a shorter one
 * in time, so that messages would be delivered twice.
 */
const SHORTEST_ACK_WAIT = 10_000;

/**
 * Shortens the times of a handler, so that tests do not have to wait for them: its `ackWait`, the period of its rate limit,
 * the pause of its circuit breaker, and the wait of a batch. {@link RetryPolicy} shortens the backoff.
 *
 * @param scale the factor, more than 0; 1 for no change
 */
export function scaledTimes(
  options: JsConsumerOptions,
  scale: number,
  defaultAckWait: number,
): JsConsumerOptions {
  if (scale === 1) return options;
  const { ackWait = defaultAckWait, rateLimit, circuitBreaker, batch } = options;
  const times = {
    ackWait: Math.max(Math.min(ackWait, SHORTEST_ACK_WAIT), Math.ceil(ackWait * scale)),
    ...(rateLimit && { rateLimit: { ...rateLimit, per: Math.max(1, rateLimit.per * scale) } }),
    ...(circuitBreaker && {
      circuitBreaker: { ...circuitBreaker, pause: (circuitBreaker.pause ?? DEFAULT_PAUSE) * scale },
    }),
  };
  if (batch === undefined) return { ...options, ...times };
  const maxWait = Math.ceil((batch.maxWait ?? DEFAULT_MAX_WAIT) * scale);
  return { ...options, ...times, batch: { ...batch, maxWait } };
}

/** The defaults of options, in milliseconds. */
const DEFAULT_PAUSE = 10_000;
const DEFAULT_MAX_WAIT = 1_000;
