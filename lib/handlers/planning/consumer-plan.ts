import type { ConsumerConfig } from '../../jetstream/index.js';
import { handlerName } from '../compile/index.js';
import type { HandlerDefaults, JsConsumerOptions } from '../decorators/index.js';
import type { ConsumerDefinition } from '../discovery/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import type { ConsumerRunnerOptions } from '../running/index.js';
import {
  DEFAULT_BACKOFF,
  DEFAULT_MAX_DELIVER_WITH_DEAD_LETTER,
  type SettlementPolicy,
} from '../settlement/index.js';
import { OptionChecks } from './option-checks.js';

/** A consumer handler with everything decided: what to make on the server, and how to run it. */
export interface ConsumerPlan {
  readonly definition: ConsumerDefinition;
  /** Class and method. */
  readonly handler: string;
  readonly connection: HandlerConnection;
  readonly stream: string;
  readonly config: ConsumerConfig;
  readonly running: ConsumerRunnerOptions;
  readonly policy: Omit<SettlementPolicy, 'consumer'>;
}

const ACK_MODES = ['auto', 'confirmed', 'manual'];
const DEFAULT_ACK_WAIT = 30_000;
const DEFAULT_MAX_MESSAGES = 500;

/** What is wrong with a handler's options, without asking the server. */
export function checkConsumer(options: JsConsumerOptions): readonly string[] {
  const checks = new OptionChecks();
  checks.name('stream', options.stream);
  if (options.durable !== undefined) checks.name('durable', options.durable);
  if (options.name !== undefined) checks.name('name', options.name);
  if (options.name !== undefined && options.durable !== undefined && options.name !== options.durable) {
    checks.problems.push('name and durable must be the same where both are given: leave name out');
  }
  for (const filter of filtersOf(options)) checks.subject('filterSubjects', filter);
  checks.count('concurrency', options.concurrency);
  checks.count('maxMessages', options.maxMessages);
  checks.duration('ackWait', options.ackWait, 100);
  checks.duration('maxProcessingTime', options.maxProcessingTime);
  checks.duration('inactiveThreshold', options.inactiveThreshold);
  checks.oneOf('ackMode', options.ackMode, ACK_MODES);
  checks.count('retry.maxDeliver', options.retry?.maxDeliver);
  checks.durations('retry.backoff', options.retry?.backoff);
  return checks.problems;
}

/** Decides everything about a handler whose options are right. */
export function planConsumer(definition: ConsumerDefinition, connection: HandlerConnection): ConsumerPlan {
  const options = withDefaults(definition.metadata.options, connection.defaults);
  const {
    stream,
    connection: _,
    concurrency = 1,
    ackWait = DEFAULT_ACK_WAIT,
    ackMode = 'auto',
    retry = {},
    deadLetter = false,
    maxProcessingTime = Infinity,
    maxMessages = DEFAULT_MAX_MESSAGES,
    filterSubjects: __,
    ...config
  } = options;
  const handler = handlerName(definition);
  const maxDeliver = retry.maxDeliver ?? (deadLetter ? DEFAULT_MAX_DELIVER_WITH_DEAD_LETTER : Infinity);
  const filters = filtersOf(options);
  return {
    definition,
    handler,
    connection,
    stream,
    config: {
      ...config,
      ackPolicy: 'explicit',
      ackWait,
      maxDeliver: maxDeliver === Infinity ? -1 : maxDeliver,
      ...(filters.length === 1
        ? { filterSubject: filters[0] }
        : filters.length > 1
          ? { filterSubjects: filters }
          : {}),
    },
    running: { concurrency, maxMessages: Math.max(maxMessages, concurrency), ackWait, maxProcessingTime },
    policy: { handler, stream, ackMode, maxDeliver, backoff: retry.backoff ?? DEFAULT_BACKOFF, deadLetter },
  };
}

/** The handler's own options before the module's. */
export function withDefaults(options: JsConsumerOptions, defaults: HandlerDefaults): JsConsumerOptions {
  return { ...defaults, ...options, retry: { ...defaults.retry, ...options.retry } };
}

export function filtersOf({ filterSubjects }: JsConsumerOptions): readonly string[] {
  if (filterSubjects === undefined) return [];
  return typeof filterSubjects === 'string' ? [filterSubjects] : filterSubjects;
}
