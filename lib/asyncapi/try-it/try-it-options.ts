import { type AllOptionsOf, count, flag, functionRule } from '../../validation/index.js';

/** The actions of a page besides showing the document, and their limits. All of them are off by default. */
export interface AsyncApiTryItOptions {
  /** Publishes messages. Default `false`. */
  readonly publish?: boolean | undefined;
  /** Sends requests to channels with a reply, and shows the reply. Default `false`. */
  readonly request?: boolean | undefined;
  /**
   * Asks the servers which streams, consumers and clients a message would reach, without delivering or storing it.
   * nats-server 2.11; hidden on older servers. Default `false`.
   */
  readonly dryRun?: boolean | undefined;
  /** Shows the last messages of channels that a stream stores, with their payloads. Default `false`. */
  readonly messages?: boolean | undefined;
  /**
   * Returns what the page shows in place of the payload of a stored message or of a reply, for example without personal
   * data. If it throws, the payload is not shown. Default: payloads are shown as they are.
   */
  readonly mask?: ((payload: unknown, subject: string) => unknown) | undefined;
  /** The maximum size of a payload as JSON, in bytes; larger ones are neither sent nor shown. Default 65,536. */
  readonly maxPayload?: number | undefined;
  /** How many messages of a channel are shown at most, up to 100. Default 10. */
  readonly maxMessages?: number | undefined;
  /** How many actions this instance of the service carries out in a minute, of all callers together. Default 60. */
  readonly maxPerMinute?: number | undefined;
  /** How long an action may take, in milliseconds, up to 60,000. Default 5,000. */
  readonly timeout?: number | undefined;
}

/** The options of {@link AsyncApiTryItOptions}. */
export const TRY_IT_OPTIONS = {
  publish: flag,
  request: flag,
  dryRun: flag,
  messages: flag,
  mask: functionRule('a function of the payload and the subject'),
  maxPayload: count(1, 1_048_576),
  maxMessages: count(1, 100),
  maxPerMinute: count(1, 10_000),
  timeout: count(1, 60_000),
} satisfies AllOptionsOf<AsyncApiTryItOptions>;
