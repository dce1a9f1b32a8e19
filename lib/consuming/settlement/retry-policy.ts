import type { MessageMetadata } from '../../jetstream/index.js';
import { isInstance } from '../../reporting/index.js';
import { LONGEST_DURATION } from '../../timing/index.js';
import { given, type Defined } from '../../validation/index.js';

/** A class of errors. */
export type ErrorType = abstract new (...args: never[]) => unknown;

/** How a message whose handler throws is retried. Durations in milliseconds. */
export interface RetryRule {
  /**
   * The maximum number of deliveries, `Infinity` for no limit. Default: 5 with `deadLetter`, otherwise no limit, so
   * that no message is lost.
   */
  readonly maxDeliver?: number | undefined;
  /**
   * How long to wait before each further delivery; the last value applies to all further deliveries. Up to
   * 9,223,372,036,854 ms (292 years), the longest delay that servers support. Default `[1_000, 5_000, 30_000]`.
   */
  readonly backoff?: readonly number[] | undefined;
  /**
   * Extends each wait by a random fraction of it, from 0 up to this value: with 0.5, a wait of 1,000 becomes 1,000 to
   * 1,500. Messages that failed together are then not redelivered together. 0 to 1; default 0. A wait never exceeds the
   * maximum of `backoff`.
   */
  readonly jitter?: number | undefined;
  /**
   * Decides whether the message is retried at all. It is called after each failed delivery except the last one. If it
   * returns `false`, the message is terminated, with a dead letter if configured. Default: always retry.
   */
  readonly retryIf?: ((error: unknown, metadata: MessageMetadata) => boolean) | undefined;
}

/** A rule for some errors. Missing options are taken from the handler's own rule. */
export interface ErrorRetryRule extends RetryRule {
  /** The class of the errors, or several classes; subclasses are included. */
  readonly type: ErrorType | readonly ErrorType[];
}

/**
 * How a message whose handler throws is retried.
 *
 * @example
 * ```ts
 * retry: {
 *   maxDeliver: 5,
 *   errors: [
 *     { type: RateLimited, maxDeliver: 50, backoff: [60_000], jitter: 0.5 },
 *     { type: UnknownCustomer, maxDeliver: 1 },
 *   ],
 * }
 * ```
 */
export interface RetryOptions extends RetryRule {
  /**
   * Rules for specific classes of errors; the first matching rule applies. Rules of a handler come before those of the
   * module.
   *
   * The server counts all deliveries, regardless of the error: a message in its third delivery has two of 5 left, even
   * if it failed with another error before.
   */
  readonly errors?: readonly ErrorRetryRule[] | undefined;
}

/** A rule with all defaults applied. */
export type ResolvedRetryRule = Defined<Omit<RetryRule, 'retryIf'>> & Pick<RetryRule, 'retryIf'>;

const DEFAULT_BACKOFF: readonly number[] = [1_000, 5_000, 30_000];

/** The rules of one handler, complete and validated. */
export class RetryPolicy {
  /** The maximum number of deliveries that the consumer needs: that of the rule with the most deliveries. */
  readonly maxDeliver: number;
  /**
   * The longest wait before each further delivery, over all rules; the last value applies to all further deliveries.
   */
  readonly longestBackoff: readonly number[];
  private readonly general: ResolvedRetryRule;
  private readonly special: readonly {
    readonly types: readonly ErrorType[];
    readonly rule: ResolvedRetryRule;
  }[];

  /** @internal */
  constructor(
    { errors = [], ...options }: RetryOptions,
    defaultMaxDeliver: number,
    /** The factor for all delays, which a test kit sets. */
    readonly timeScale = 1,
  ) {
    const whole: ResolvedRetryRule = {
      maxDeliver: defaultMaxDeliver,
      backoff: DEFAULT_BACKOFF,
      jitter: 0,
      ...given(options),
    };
    const scaled = (rule: ResolvedRetryRule): ResolvedRetryRule =>
      timeScale === 1 ? rule : { ...rule, backoff: rule.backoff.map((wait) => wait * timeScale) };
    this.general = scaled(whole);
    this.special = errors.map(({ type, ...rule }) => ({
      types: typeof type === 'function' ? [type] : type,
      rule: scaled({ ...whole, ...given(rule) }),
    }));
    const rules = [this.general, ...this.special.map(({ rule }) => rule)];
    this.maxDeliver = Math.max(...rules.map(({ maxDeliver }) => maxDeliver));
    const steps = Math.max(...rules.map(({ backoff }) => backoff.length));
    this.longestBackoff = Array.from({ length: steps }, (_, i) =>
      Math.min(
        LONGEST_DURATION,
        Math.max(...rules.map((rule) => waitAfter(rule, i + 1) * (1 + rule.jitter))),
      ),
    );
  }

  /** The rule that applies to an error. */
  ruleFor(error: unknown): ResolvedRetryRule {
    const fits = (type: ErrorType): boolean => isInstance(error, type);
    return this.special.find(({ types }) => types.some(fits))?.rule ?? this.general;
  }
}

/** The wait after the given delivery, counted from 1, including jitter; never longer than servers support. */
export function retryDelay(rule: ResolvedRetryRule, delivery: number): number {
  const wait = waitAfter(rule, delivery);
  const longer = rule.jitter > 0 ? Math.round(wait * (1 + rule.jitter * Math.random())) : wait;
  return Math.min(longer, LONGEST_DURATION);
}

function waitAfter({ backoff }: ResolvedRetryRule, delivery: number): number {
  return backoff[Math.min(delivery, backoff.length) - 1] ?? 0;
}
