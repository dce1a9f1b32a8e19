/**
 * The end of a delivery:
 *
 * | outcome         | meaning                                                                                     |
 * | --------------- | ------------------------------------------------------------------------------------------- |
 * | `acked`         | handled and acknowledged                                                                    |
 * | `retried`       | returned with `nak`: it is delivered again after `delay`                                    |
 * | `terminated`    | given up for `reason`, without a dead letter                                                |
 * | `dead-lettered` | given up for `reason`; its dead letter is stored                                            |
 * | `left`          | not settled by the library: `ackMode` manual or none, or a message that needs no settlement |
 * | `released`      | returned to the server without an attempt to handle it, or unfinished at shutdown           |
 * | `skipped`       | failed, and not repeated: ordered consumers, watches, core NATS, `ackMode` first or none    |
 * | `answered`      | a request that got its answer                                                               |
 * | `failed`        | a request that got an error as its answer, or none                                          |
 * | `lost`          | the connection was closed before it was settled: the server delivers the message again      |
 *
 * A message that is settled after its `maxProcessingTime` or ack wait has the outcome of its settlement, which the server accepts. It
 * may have been delivered again before; that delivery has an outcome of its own.
 */
export type Outcome =
  | 'acked'
  | 'retried'
  | 'terminated'
  | 'dead-lettered'
  | 'left'
  | 'released'
  | 'skipped'
  | 'answered'
  | 'failed'
  | 'lost';

/** All outcomes, in a fixed order: an index into this list identifies an outcome. */
export const OUTCOMES: readonly Outcome[] = [
  'acked',
  'retried',
  'terminated',
  'dead-lettered',
  'left',
  'released',
  'skipped',
  'answered',
  'failed',
  'lost',
];

/** How a delivery ended. */
export interface Ending {
  readonly outcome: Outcome;
  /** How long until the message is delivered again, in milliseconds, if it was `retried`. */
  readonly delay?: number | undefined;
  /** Why the message was `terminated` or `dead-lettered`. */
  readonly reason?: string | undefined;
  /** Whether the handler failed, or the payload could not be decoded. */
  readonly failed: boolean;
  /** The error of the handler. */
  readonly error?: unknown;
  /** From the call of the handler until the message was settled, in milliseconds; 0 if no handler was called. */
  readonly duration: number;
}
