import type {
  ConsumerConfig,
  DeclaredResources,
  JetStreamService,
  Provisioning,
} from '../../jetstream/index.js';
import { DEAD_LETTER_STREAM, DeadLetterPublisher } from '../dead-letters/index.js';
import { checkIdempotence } from '../idempotence/index.js';
import type { HandlerDefaults, JsConsumerOptions } from '../options/index.js';
import { type RetryOptions, RetryPolicy, type SettlementPolicy } from '../settlement/index.js';
import { checkDelivery, type Delivery, isAcknowledged, planDelivery } from './delivery-plan.js';
import { OptionChecks } from './option-checks.js';
import { scaledTimes } from './time-scale.js';
import { checkSettlement } from './settlement-checks.js';

/** The services that all consumers of one named connection share. */
export interface ConsumingConnection {
  readonly name: string;
  readonly jetstream: JetStreamService;
  readonly provisioning: Provisioning;
  /** The resources that are created again if they are lost. */
  readonly declared: DeclaredResources;
}

/** The source of a consumer's messages, and the consumer to create on the server. */
export interface ConsumerSource {
  /** The class and method, or the class if several methods share the consumer. */
  readonly handler: string;
  readonly connection: ConsumingConnection;
  readonly stream: string;
  readonly delivery: Delivery;
  /** The maximum number of messages that are requested or held. */
  readonly maxMessages: number;
  /**
   * How messages that are schedules (not the messages they publish) are treated: `skip` acknowledges them, which leaves
   * them in a stream that keeps messages by limits; `keep` returns them, since an acknowledgement would remove them.
   * `undefined` if the stream has no schedules.
   */
  readonly schedules?: 'skip' | 'keep' | undefined;
}

/** How a consumer's messages are handled. Durations in milliseconds. */
export interface RunningOptions {
  /** How many messages are handled at once. */
  readonly concurrency: number;
  /** The maximum number of messages that are requested, buffered or in flight. */
  readonly maxMessages: number;
  /** When the server delivers an unsettled message again. */
  readonly ackWait: number;
  /** How long a message may be kept in progress; `Infinity`: as long as its handler runs. */
  readonly maxProcessingTime: number;
  /** Whether returned messages are delivered again; otherwise they would be lost. */
  readonly acknowledged: boolean;
}

/** How a consumer's messages are run and settled, for handlers of decorators and of microservices. */
export interface RunningPlan {
  readonly options: JsConsumerOptions;
  readonly running: RunningOptions;
  readonly policy: Omit<SettlementPolicy, 'consumer' | 'handler'>;
}

/** When the server delivers an unsettled message again by default, in milliseconds. */
export const DEFAULT_ACK_WAIT = 30_000;
const DEFAULT_MAX_MESSAGES = 500;
/** The default if a message that has used up its deliveries is not lost, or if it blocks all later ones. */
const DEFAULT_MAX_DELIVER = 5;

/**
 * Checks options that are valid individually for invalid combinations, without asking the server.
 *
 * @param options as they were read with {@link CONSUMER_OPTIONS}
 */
export function checkConsumer(options: JsConsumerOptions): readonly string[] {
  const checks = new OptionChecks();
  if (options.name !== undefined && options.durable !== undefined && options.name !== options.durable) {
    checks.problems.push('name and durable must be the same if both are set: leave name out');
  }
  checkSettlement(options, checks);
  checkDelivery(options, checks);
  if (options.idempotent) checks.problems.push(...checkIdempotence(options.idempotent, options));
  return checks.problems;
}

/** Plans what to create on the server for a handler, and how to run it. */
export function planRunning(
  handler: string,
  connection: ConsumerSource['connection'],
  given: JsConsumerOptions,
): ConsumerSource & RunningPlan {
  const { timeScale } = connection.jetstream.connection;
  const options = scaledTimes(given, timeScale, DEFAULT_ACK_WAIT);
  const { stream, concurrency = 1, ackWait = DEFAULT_ACK_WAIT, maxProcessingTime = Infinity } = options;
  const { ackMode = 'auto', deadLetter = false } = options;
  // Large enough that a pull returns more than one message when all slots are busy.
  const { maxMessages = Math.max(DEFAULT_MAX_MESSAGES, 2 * concurrency) } = options;
  const policy = {
    stream,
    ackMode: options.ordered ? 'none' : ackMode,
    retry: retryPolicyOf(options, timeScale),
    // Dead letters do not create further dead letters.
    deadLetters:
      deadLetter && stream !== DEAD_LETTER_STREAM ? new DeadLetterPublisher(connection.jetstream) : undefined,
  };
  const delivery = planDelivery(options, filtersOf(options), acknowledgements(policy, ackWait));
  const acknowledged = isAcknowledged(delivery);
  return {
    handler,
    connection,
    stream,
    delivery,
    maxMessages: Math.max(maxMessages, concurrency, 2 * (options.batch?.size ?? 0) * concurrency),
    options,
    running: {
      concurrency,
      maxMessages: Math.max(maxMessages, concurrency),
      ackWait,
      maxProcessingTime,
      acknowledged,
    },
    policy,
  };
}

/**
 * Merges the handler's options with the module's defaults; ordered consumers do not use the defaults for concurrency
 * and ackMode.
 */
export function withDefaults(options: JsConsumerOptions, defaults: HandlerDefaults): JsConsumerOptions {
  const { concurrency, ackMode, ...rest } = defaults;
  const errors = [...(options.retry?.errors ?? []), ...(defaults.retry?.errors ?? [])];
  const retry: RetryOptions = { ...defaults.retry, ...options.retry, errors };
  if (options.ordered) return { ...rest, ...options, retry };
  return { concurrency, ackMode, ...rest, ...options, retry };
}

/**
 * How messages are retried with these options.
 *
 * @param timeScale the factor for all delays
 */
export function retryPolicyOf(
  { retry = {}, deadLetter = false, ordered }: JsConsumerOptions,
  timeScale = 1,
): RetryPolicy {
  return new RetryPolicy(retry, deadLetter || ordered ? DEFAULT_MAX_DELIVER : Infinity, timeScale);
}

export function filtersOf({ filterSubjects }: JsConsumerOptions): readonly string[] {
  if (filterSubjects === undefined) return [];
  return typeof filterSubjects === 'string' ? [filterSubjects] : filterSubjects;
}

function acknowledgements(
  { ackMode, retry: { maxDeliver } }: Pick<SettlementPolicy, 'ackMode' | 'retry'>,
  ackWait: number,
): Pick<ConsumerConfig, 'ackPolicy' | 'ackWait' | 'maxDeliver'> {
  if (ackMode === 'none') return { ackPolicy: 'none' };
  return { ackPolicy: 'explicit', ackWait, maxDeliver: maxDeliver === Infinity ? -1 : maxDeliver };
}
