import type {
  ConsumerConfig,
  JetStreamMessage,
  OrderedConsumerConfig,
  PushConsumerConfig,
} from '../../jetstream/index.js';
import {
  type JsConsumerOptions,
  MOST_IN_FLIGHT,
  type PullJsConsumerOptions,
  type PushOptions,
} from '../options/index.js';
import type { OptionChecks } from './option-checks.js';

/** How messages are delivered to a handler: the consumer to create, and how it is read. */
export type Delivery =
  | { readonly mode: 'pull'; readonly config: ConsumerConfig; readonly pull: PullInGroup }
  | { readonly mode: 'ordered'; readonly config: OrderedConsumerConfig }
  | {
      readonly mode: 'push';
      readonly config: Omit<PushConsumerConfig, 'deliverSubject'>;
      readonly push: PushOptions;
    };

/** Returns the key of a message; messages with the same key are handled in order. */
export type KeyOf = (message: JetStreamMessage) => string;

/** The priority-group options of pull requests. */
export type PullInGroup = Pick<
  PullJsConsumerOptions,
  'priorityGroup' | 'minPending' | 'minAckPending' | 'priority'
>;

const DEFAULT_IDLE_HEARTBEAT = 5_000;

/** Options of the handler; the remaining options belong to the consumer. */
const HANDLER_OPTIONS = [
  'ackMode',
  'ackWait',
  'batch',
  'circuitBreaker',
  'codec',
  'concurrency',
  'connection',
  'deadLetter',
  'enabled',
  'filterSubjects',
  'idempotent',
  'maxMessages',
  'maxProcessingTime',
  'orderBy',
  'ordered',
  'push',
  'rateLimit',
  'retry',
  'schema',
  'settlement',
  'stream',
] as const;

/** Checks the delivery options for invalid combinations. */
export function checkDelivery(options: JsConsumerOptions, checks: OptionChecks): void {
  const { batch, orderBy, ordered, push, rateLimit, circuitBreaker } = options;
  if (ordered && push) checks.problems.push('ordered and push cannot be combined: set only one of them');
  if (ordered) {
    checks.absent('ordered', options, [
      'durable',
      'name',
      'orderBy',
      'batch',
      'ackPolicy',
      'priorityGroup',
      'ackMode',
    ]);
    if (options.concurrency !== undefined && options.concurrency !== 1) {
      checks.problems.push('ordered needs a concurrency of 1');
    }
  }
  if (push) {
    checks.absent('push', options, ['batch', 'ackPolicy', 'priorityGroup']);
    if (push.deliverGroup !== undefined && push.flowControl) {
      checks.problems.push(
        'push.flowControl needs a single subscriber and cannot be combined with push.deliverGroup: leave out one of them',
      );
    }
    if (push.deliverGroup !== undefined && push.deliverSubject === undefined) {
      checks.problems.push('push.deliverGroup needs a push.deliverSubject that its members share');
    }
  }
  if (batch) {
    checkBatchesInFlight(batch.size, options.concurrency ?? 1, checks);
    if (orderBy !== undefined)
      checks.problems.push('batch and orderBy cannot be combined: set only one of them');
    if (rateLimit ?? circuitBreaker)
      checks.problems.push('batch does not support rateLimit and circuitBreaker: leave them out');
  }
  if (options.ackPolicy === 'all' && (!batch || (options.concurrency ?? 1) > 1)) {
    checks.problems.push("ackPolicy 'all' settles whole batches: it needs batch, and a concurrency of 1");
  }
}

/** The product of batch size and concurrency may exceed the limit even if each value is valid. */
function checkBatchesInFlight(size: number, concurrency: number, checks: OptionChecks): void {
  const inFlight = size * concurrency;
  if (inFlight <= MOST_IN_FLIGHT) return;
  checks.problems.push(
    `batch.size and concurrency allow ${inFlight} messages in flight, more than ${MOST_IN_FLIGHT}: make one of them smaller`,
  );
}

/** Plans the consumer that the options describe. */
export function planDelivery(
  options: JsConsumerOptions,
  filters: readonly string[],
  acknowledged: Pick<ConsumerConfig, 'ackPolicy' | 'ackWait' | 'maxDeliver'>,
): Delivery {
  const filter =
    filters.length === 1
      ? { filterSubject: filters[0] }
      : filters.length > 1
        ? { filterSubjects: filters }
        : {};
  if (options.ordered) {
    const { deliverPolicy, startSequence, startTime, replayPolicy, headersOnly, metadata } = options;
    const { inactiveThreshold, namePrefix } = options;
    return {
      mode: 'ordered',
      config: {
        deliverPolicy,
        startSequence,
        startTime,
        replayPolicy,
        headersOnly,
        metadata,
        inactiveThreshold,
        namePrefix,
        filterSubjects: filters.length > 0 ? filters : undefined,
      },
    };
  }
  if (options.push) {
    const config = consumerOptions(options);
    return { mode: 'push', config: { ...config, ...acknowledged, ...filter }, push: options.push };
  }
  const { priorityGroup, minPending, minAckPending, priority, ackPolicy, ...config } =
    consumerOptions(options);
  return {
    mode: 'pull',
    config: { ...config, ...acknowledged, ...(ackPolicy ? { ackPolicy } : {}), ...filter },
    pull: { priorityGroup, minPending, minAckPending, priority },
  };
}

/** Whether the server waits for acknowledgements; otherwise a message counts as handled once it is delivered. */
export function isAcknowledged(delivery: Delivery): boolean {
  return delivery.mode !== 'ordered' && delivery.config.ackPolicy !== 'none';
}

/** The configuration of the push consumer, with a new inbox if no subject is given. */
export function pushConfig(
  delivery: Extract<Delivery, { readonly mode: 'push' }>,
  inbox: string,
): PushConsumerConfig {
  const { deliverSubject = inbox, deliverGroup, idleHeartbeat = DEFAULT_IDLE_HEARTBEAT } = delivery.push;
  const { flowControl = deliverGroup === undefined } = delivery.push;
  return {
    ...delivery.config,
    deliverSubject,
    ...(deliverGroup === undefined ? {} : { deliverGroup }),
    // The server sends heartbeats only if there is no deliver group.
    ...(deliverGroup === undefined ? { flowControl, idleHeartbeat } : {}),
  };
}

/** The function that returns the key of a message. */
export function keyOf(orderBy: number | ((message: JetStreamMessage) => string)): KeyOf {
  if (typeof orderBy === 'function') return orderBy;
  return ({ subject }) => subject.split('.')[orderBy] ?? '';
}

function consumerOptions<Options extends JsConsumerOptions>(
  options: Options,
): Omit<Options, (typeof HANDLER_OPTIONS)[number]> {
  const own = new Set<string>(HANDLER_OPTIONS);
  const rest = Object.entries(options).filter(([option]) => !own.has(option));
  return Object.fromEntries(rest) as Omit<Options, (typeof HANDLER_OPTIONS)[number]>;
}
