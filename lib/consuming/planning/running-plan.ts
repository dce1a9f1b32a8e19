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
import { checkSettlement } from './settlement-checks.js';

/** What the consumers of one named connection share. */
export interface ConsumingConnection {
  readonly name: string;
  readonly jetstream: JetStreamService;
  readonly provisioning: Provisioning;
  /** What is created again if it is lost. */
  readonly declared: DeclaredResources;
}

/** Where a consumer's messages come from, and what to make on the server. */
export interface ConsumerSource {
  /** Class and method, or the class of several methods. */
  readonly handler: string;
  readonly connection: ConsumingConnection;
  readonly stream: string;
  readonly delivery: Delivery;
  /** The most messages that are asked for or held. */
  readonly maxMessages: number;
  /**
   * What becomes of messages that are schedules themselves, not what they publish: `skip` acknowledges them, which leaves
   * them in a stream that keeps messages by limits; `keep` returns them, since an acknowledgement would remove them.
   * `undefined` if the stream has no schedules.
   */
  readonly schedules?: 'skip' | 'keep' | undefined;
}

/** How a consumer's messages are handled. Durations in milliseconds. */
export interface RunningOptions {
  /** How many messages are handled at once. */
  readonly concurrency: number;
  /** The most messages that are asked for, buffered or in the works. */
  readonly maxMessages: number;
  /** After how long the server delivers an unsettled message again. */
  readonly ackWait: number;
  /** How long one message is kept alive at the most; `Infinity`: as long as its handler runs. */
  readonly maxProcessingTime: number;
  /** Whether what is given back comes again; else it would be lost. */
  readonly acknowledged: boolean;
}

/** How a consumer's messages are run and settled, whoever handles them. */
export interface RunningPlan {
  readonly options: JsConsumerOptions;
  readonly running: RunningOptions;
  readonly policy: Omit<SettlementPolicy, 'consumer' | 'handler'>;
}

const DEFAULT_ACK_WAIT = 30_000;
const DEFAULT_MAX_MESSAGES = 500;
/** Where a message that is given up is not lost, or holds up all others. */
const DEFAULT_MAX_DELIVER = 5;

/**
 * What is wrong with options that are right one by one, without asking the server.
 *
 * @param options as they were read with {@link CONSUMER_OPTIONS}
 */
export function checkConsumer(options: JsConsumerOptions): readonly string[] {
  const checks = new OptionChecks();
  if (options.name !== undefined && options.durable !== undefined && options.name !== options.durable) {
    checks.problems.push('name and durable must be the same where both are given: leave name out');
  }
  checkSettlement(options, checks);
  checkDelivery(options, checks);
  if (options.idempotent) checks.problems.push(...checkIdempotence(options.idempotent, options));
  return checks.problems;
}

/** Decides what to make on the server for a handler, and how to run it. */
export function planRunning(
  handler: string,
  connection: ConsumerSource['connection'],
  options: JsConsumerOptions,
): ConsumerSource & RunningPlan {
  const { stream, concurrency = 1, ackWait = DEFAULT_ACK_WAIT, maxProcessingTime = Infinity } = options;
  const { ackMode = 'auto', retry = {}, deadLetter = false } = options;
  // So many that a pull brings more than one message where all slots are busy.
  const { maxMessages = Math.max(DEFAULT_MAX_MESSAGES, 2 * concurrency) } = options;
  const policy = {
    stream,
    ackMode: options.ordered ? 'none' : ackMode,
    retry: new RetryPolicy(retry, deadLetter || options.ordered ? DEFAULT_MAX_DELIVER : Infinity),
    // There are no dead letters of dead letters.
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

/** The handler's own options before the module's; ordered consumers take neither concurrency nor ackMode from those. */
export function withDefaults(options: JsConsumerOptions, defaults: HandlerDefaults): JsConsumerOptions {
  const { concurrency, ackMode, ...rest } = defaults;
  const errors = [...(options.retry?.errors ?? []), ...(defaults.retry?.errors ?? [])];
  const retry: RetryOptions = { ...defaults.retry, ...options.retry, errors };
  if (options.ordered) return { ...rest, ...options, retry };
  return { concurrency, ackMode, ...rest, ...options, retry };
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
