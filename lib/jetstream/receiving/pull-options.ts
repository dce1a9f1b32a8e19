import type { JetStreamConnection } from '../../connection/index.js';
import { ConnectionClosedError, InvalidArgumentError } from '../../errors/index.js';
import { shown } from '../../reporting/index.js';
import {
  type AllOptionsOf,
  checkFunction,
  checkMilliseconds,
  checkWholeNumber,
  optionsCheck,
} from '../../validation/index.js';
import { requireOptions } from '../api/index.js';
import type { PullLoopOptions } from './pull-loop.js';
import type { PullLimits } from './request-limits.js';

/**
 * How much is requested and held at a time: by messages (the default), by bytes, or by messages with smaller requests.
 */
export type PullSize =
  | {
      /** The maximum number of messages that are requested or held. Default 500. */
      readonly maxMessages?: number | undefined;
      /** More messages are requested below this number. Default: half of `maxMessages`. */
      readonly thresholdMessages?: number | undefined;
      readonly maxBytes?: undefined;
      readonly thresholdBytes?: undefined;
      readonly maxMessagesWithBytesLimit?: undefined;
    }
  | {
      /**
       * The maximum number of bytes that are requested or held. Set it to several times the size of the largest
       * message.
       */
      readonly maxBytes: number;
      /** More bytes are requested below this number. Default: half of `maxBytes`. */
      readonly thresholdBytes?: number | undefined;
      readonly maxMessages?: undefined;
      readonly thresholdMessages?: undefined;
      readonly maxMessagesWithBytesLimit?: undefined;
    }
  | {
      /** Like `maxMessages`, with a limit of bytes for each request, which must be larger than the largest message. */
      readonly maxMessagesWithBytesLimit: { readonly messages: number; readonly bytes: number };
      readonly thresholdMessages?: number | undefined;
      readonly maxMessages?: undefined;
      readonly maxBytes?: undefined;
      readonly thresholdBytes?: undefined;
    };

/** The priority of a client of a consumer with priority groups (ADR-42). */
export interface PriorityOptions {
  /** One of the consumer's `priorityGroups`; required if it has any. nats-server 2.11. */
  readonly priorityGroup?: string | undefined;
  /** With policy `overflow`: pulls only if at least this many messages are pending. nats-server 2.11. */
  readonly minPending?: number | undefined;
  /** With policy `overflow`: pulls only if at least this many acknowledgements are pending. nats-server 2.11. */
  readonly minAckPending?: number | undefined;
  /** With policy `prioritized`: 0 (first) to 9 (last). Default 0. nats-server 2.12. */
  readonly priority?: number | undefined;
}

/** How messages are pulled. Durations in milliseconds, sizes in bytes. */
export type PullOptions = PullSize &
  PriorityOptions & {
    /** How long the server keeps a request open. At least 1,000. Default 30,000. */
    readonly expiry?: number | undefined;
    /**
     * How often an idle server sends a heartbeat, 500 to 30,000 and at most half of `expiry`. Default: half of
     * `expiry`.
     */
    readonly heartbeat?: number | undefined;
    /** Stops after this number of messages. Default: never. */
    readonly stopAfter?: number | undefined;
    /**
     * Called with every error: errors that the consumption recovers from (missed heartbeats, a new leader, a refused
     * request), errors that end it (the consumer was deleted, the connection was closed), and errors of a handler.
     * Errors of `onError` itself are logged. Default: a warning in the log.
     */
    readonly onError?: ((error: Error) => unknown) | undefined;
  };

/** The options of {@link PriorityOptions}. */
export const PRIORITY_OPTIONS = {
  minAckPending: true,
  minPending: true,
  priority: true,
  priorityGroup: true,
} satisfies AllOptionsOf<PriorityOptions>;

/** The options of {@link PullOptions}. */
export const PULL_OPTIONS = {
  ...PRIORITY_OPTIONS,
  expiry: true,
  heartbeat: true,
  maxBytes: true,
  maxMessages: true,
  maxMessagesWithBytesLimit: { bytes: true, messages: true },
  onError: true,
  stopAfter: true,
  thresholdBytes: true,
  thresholdMessages: true,
} satisfies AllOptionsOf<PullOptions>;

/** @throws {@link InvalidArgumentError} */
export const checkConsumeOptions = optionsCheck<PullOptions>('consume', PULL_OPTIONS);

const DEFAULT_MESSAGES = 500;
const DEFAULT_EXPIRY = 30_000;
const LONGEST_HEARTBEAT = 30_000;
/** The limit of messages if only bytes are limited. */
export const MESSAGES_BY_BYTES = 1_000_000;

/**
 * Checks options and applies the defaults, within the limits of the consumer.
 *
 * @throws {@link InvalidArgumentError}, {@link UnsupportedServerFeatureError}
 */
export function toPullLoopOptions(
  options: PullOptions,
  limits: PullLimits,
  connection: JetStreamConnection,
  defaultHeartbeat = (expiry: number) => Math.min(expiry / 2, LONGEST_HEARTBEAT),
): PullLoopOptions {
  checkOnError(options.onError);
  const size = sizes(options, limits);
  const longest = limits.maxRequestExpires || Infinity;
  const expiry = options.expiry ?? Math.min(DEFAULT_EXPIRY, longest);
  checkMilliseconds('expiry', expiry, { least: 1_000, most: longest });
  const heartbeat = options.heartbeat ?? defaultHeartbeat(expiry);
  if (options.heartbeat !== undefined) {
    const most = Math.min(LONGEST_HEARTBEAT, expiry / 2);
    checkMilliseconds('heartbeat', heartbeat, { least: 500, most });
  }
  if (options.stopAfter !== undefined) checkWholeNumber('stopAfter', options.stopAfter, 1);
  return { ...size, expiry, heartbeat, limits, ...priorityOf(options, limits, connection) };
}

/**
 * Checks the priority options of a client.
 *
 * @throws {@link InvalidArgumentError}, {@link UnsupportedServerFeatureError}
 */
export function priorityOf(
  { priorityGroup: group, minPending, minAckPending, priority }: PriorityOptions,
  { priorityGroups = [] }: PullLimits,
  connection: JetStreamConnection,
): Pick<PullLoopOptions, 'group' | 'minPending' | 'minAckPending' | 'priority'> {
  requireOptions(connection, 'pull', { priorityGroup: group, minPending, minAckPending, priority });
  const groups = priorityGroups.map((name) => `"${name}"`).join(', ');
  if (group === undefined && groups) {
    throw new InvalidArgumentError('priorityGroup', `the consumer requires one of ${groups}`);
  }
  if (group !== undefined && !priorityGroups.includes(group)) {
    throw new InvalidArgumentError(
      'priorityGroup',
      groups ? `${shown(group)} is not one of ${groups}` : 'the consumer has no priority groups',
    );
  }
  if (minPending !== undefined) checkWholeNumber('minPending', minPending, 1);
  if (minAckPending !== undefined) checkWholeNumber('minAckPending', minAckPending, 1);
  if (priority !== undefined) checkWholeNumber('priority', priority, 0, 9);
  if (group === undefined && (minPending ?? minAckPending ?? priority) !== undefined) {
    throw new InvalidArgumentError(
      'priorityGroup',
      'it is required with minPending, minAckPending and priority',
    );
  }
  return { group, minPending, minAckPending, priority };
}

/** @throws {@link InvalidArgumentError} if `onError` is not a function */
export function checkOnError(onError: unknown): void {
  if (onError !== undefined) checkFunction('onError', onError);
}

/**
 * Refuses to start receiving on a connection that is closed or closing.
 *
 * @throws {@link ConnectionClosedError}
 */
export function requireOpen({ nc, name }: JetStreamConnection): void {
  if (nc.isClosed() || nc.isDraining()) throw new ConnectionClosedError(name);
}

type Sizes = Pick<
  PullLoopOptions,
  'maxMessages' | 'thresholdMessages' | 'maxBytes' | 'thresholdBytes' | 'limitBytesPerPull'
>;

function sizes(options: PullOptions, limits: PullLimits): Sizes {
  const { maxMessages, maxBytes, maxMessagesWithBytesLimit: both } = options;
  if ([maxMessages, maxBytes, both].filter((given) => given !== undefined).length > 1) {
    throw new InvalidArgumentError(
      'maxBytes',
      'set only one of maxMessages, maxBytes and maxMessagesWithBytesLimit',
    );
  }
  const largest = limits.maxRequestBatch || Infinity;
  const largestBytes = limits.maxRequestMaxBytes || Infinity;
  const messages =
    both?.messages ?? maxMessages ?? Math.min(maxBytes ? MESSAGES_BY_BYTES : DEFAULT_MESSAGES, largest);
  const bytes = both?.bytes ?? maxBytes ?? 0;
  checkWholeNumber('maxMessages', messages, 1);
  if (both || maxBytes !== undefined) checkWholeNumber('maxBytes', bytes, 1);
  if (messages > largest)
    throw new InvalidArgumentError('maxMessages', `the consumer allows ${largest} in a request`);
  if (bytes > largestBytes)
    throw new InvalidArgumentError('maxBytes', `the consumer allows ${largestBytes} in a request`);
  const { thresholdMessages = Math.ceil(messages / 2), thresholdBytes = Math.ceil(bytes / 2) } = options;
  if (options.thresholdMessages !== undefined) checkWholeNumber('thresholdMessages', thresholdMessages, 1);
  if (options.thresholdBytes !== undefined) checkWholeNumber('thresholdBytes', thresholdBytes, 1);
  if (thresholdMessages > messages) {
    throw new InvalidArgumentError(
      'thresholdMessages',
      `it is larger than the ${messages} messages that are requested`,
    );
  }
  if (thresholdBytes > bytes) {
    throw new InvalidArgumentError(
      'thresholdBytes',
      `it is larger than the ${bytes} bytes that are requested`,
    );
  }
  return {
    maxMessages: messages,
    thresholdMessages,
    maxBytes: bytes,
    thresholdBytes,
    limitBytesPerPull: both !== undefined,
  };
}
