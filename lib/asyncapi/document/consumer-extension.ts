import {
  DEAD_LETTER_STREAM,
  DEAD_LETTER_SUBJECT,
  DEFAULT_ACK_WAIT,
  filtersOf,
  type JsConsumerOptions,
  retryPolicyOf,
} from '../../consuming/index.js';
import type { OperationExtension } from './extensions.interface.js';
import { given } from './plain.js';

/** The part of an operation's extension that its consumer decides. */
type ConsumerExtension = Omit<OperationExtension, 'kind' | 'connection' | 'handler'>;

/**
 * Describes the consumer of a handler.
 *
 * @param stream its stream; `undefined` if only the server knows it
 */
export function consumerExtension(
  options: JsConsumerOptions,
  stream: string | undefined,
): Omit<OperationExtension, 'handler' | 'connection'> {
  return {
    kind: options.ordered ? 'ordered-consumer' : options.push ? 'push-consumer' : 'consumer',
    ...given<ConsumerExtension>({
      stream,
      ...selection(options),
      ...settlement(options, stream),
      ...running(options),
    }),
  };
}

/** The description of the consumer on the server; ordered consumers have none. */
export function descriptionOf(options: JsConsumerOptions): string | undefined {
  return options.ordered ? undefined : options.description;
}

/** Which messages the consumer delivers. */
function selection(options: JsConsumerOptions): Members {
  const filters = filtersOf(options);
  const { durable, deliverPolicy, replayPolicy, headersOnly, inactiveThreshold } = options;
  return {
    durable,
    deliverPolicy,
    replayPolicy,
    headersOnly,
    inactiveThreshold,
    filterSubjects: filters.length > 0 ? filters : undefined,
  };
}

/** How messages are settled. */
function settlement(options: JsConsumerOptions, stream: string | undefined): Members {
  if (options.ordered) {
    const { maxDeliver, longestBackoff } = retryPolicyOf(options);
    return { ackPolicy: 'none', maxDeliver: limit(maxDeliver), backoff: longestBackoff };
  }
  const {
    ackMode = 'auto',
    ackWait = DEFAULT_ACK_WAIT,
    ackPolicy = 'explicit',
    deadLetter,
    durable,
    name,
  } = options;
  if (ackMode === 'none') return { ackMode, ackPolicy: 'none' };
  const { maxDeliver, longestBackoff } = retryPolicyOf(options);
  const subject = [DEAD_LETTER_SUBJECT, stream ?? '*', durable ?? name ?? '*'].join('.');
  const keepsDeadLetters = deadLetter === true && stream !== DEAD_LETTER_STREAM;
  return {
    ackMode,
    ackPolicy,
    ackWait,
    maxDeliver: limit(maxDeliver),
    backoff: longestBackoff,
    deadLetter: keepsDeadLetters ? { stream: DEAD_LETTER_STREAM, subject } : undefined,
  };
}

/** How messages are run. */
function running(options: JsConsumerOptions): Members {
  const { concurrency = 1, batch, orderBy, rateLimit, circuitBreaker, idempotent, push } = options;
  const { maxAckPending, priorityPolicy, priorityGroups } = options as Partial<PriorityOptions>;
  return {
    concurrency,
    batch: batch && given(batch),
    orderBy: typeof orderBy === 'function' ? 'function' : orderBy,
    rateLimit,
    circuitBreaker: circuitBreaker && given(circuitBreaker),
    idempotent: idempotent && {
      bucket: idempotent.bucket,
      key: keyText(idempotent.key),
      ...given({ ttl: idempotent.ttl }),
    },
    maxAckPending,
    priorityPolicy,
    priorityGroups,
    push: push && given({ deliverSubject: push.deliverSubject, deliverGroup: push.deliverGroup }),
  };
}

type Members = { [Key in keyof ConsumerExtension]?: ConsumerExtension[Key] | undefined };

interface PriorityOptions {
  readonly maxAckPending: number | undefined;
  readonly priorityPolicy: string | undefined;
  readonly priorityGroups: readonly string[] | undefined;
}

/** JSON has no infinity. */
function limit(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

/** The header that is the key, or what else it is. */
function keyText(key: unknown): string {
  return typeof key === 'string' ? key : typeof key === 'function' ? 'function' : 'the message';
}
