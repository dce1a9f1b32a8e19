import type { MessageMetadata } from '../../jetstream/index.js';
import { isInstance } from '../../reporting/index.js';
import { LONGEST_DURATION } from '../../timing/index.js';
import { given, type Defined } from '../../validation/index.js';

/** A class of errors. */
export type ErrorType = abstract new (...args: never[]) => unknown;

/** How a message whose handler throws is tried again. Durations in milliseconds. */
export interface RetryRule {
  /**
   * How often a message is delivered at the most, `Infinity` for without end. Default: 5 with `deadLetter`, else without
   * end, so that nothing is lost.
   */
  readonly maxDeliver?: number | undefined;
  /**
   * How long to wait before each further delivery; the last counts for all that follow. Up to 9,223,372,036,854 ms (292
   * years), the longest that servers know. Default `[1_000, 5_000, 30_000]`.
   */
  readonly backoff?: readonly number[] | undefined;
  /**
   * Makes each wait longer by a random share of itself, from 0 up to this: with 0.5 a wait of 1,000 becomes one of 1,000
   * to 1,500. Messages that failed together then do not come again together. 0 to 1; default 0. No wait becomes longer than
   * the longest `backoff` that is allowed.
   */
  readonly jitter?: number | undefined;
  /**
   * Whether the message is tried again at all, asked after each delivery that failed and was not the last. One that is not is
   * terminated, with a dead letter where one is set. Default: yes.
   */
  readonly retryIf?: ((error: unknown, metadata: MessageMetadata) => boolean) | undefined;
}

/** A rule for some errors. What it leaves out is taken from the handler's own rule. */
export interface ErrorRetryRule extends RetryRule {
  /** The class of the errors, or several; subclasses belong to them. */
  readonly type: ErrorType | readonly ErrorType[];
}

/**
 * What happens to a message whose handler throws.
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
   * Rules for single classes of errors: the first that fits counts. Those of a handler come before those of the module.
   *
   * The server counts deliveries whatever failed: a message in its third delivery has two left of 5 though it failed with
   * another error before.
   */
  readonly errors?: readonly ErrorRetryRule[] | undefined;
}

/** A rule with everything decided. */
export type ResolvedRetryRule = Defined<Omit<RetryRule, 'retryIf'>> & Pick<RetryRule, 'retryIf'>;

const DEFAULT_BACKOFF: readonly number[] = [1_000, 5_000, 30_000];

/** The rules of one handler, complete and checked. */
export class RetryPolicy {
  /** How often the server has to deliver a message at the most: as often as the most patient rule wants. */
  readonly maxDeliver: number;
  /** How long the wait before each further delivery may be, whatever fails; the last counts for all that follow. */
  readonly longestBackoff: readonly number[];
  private readonly general: ResolvedRetryRule;
  private readonly special: readonly {
    readonly types: readonly ErrorType[];
    readonly rule: ResolvedRetryRule;
  }[];

  constructor({ errors = [], ...options }: RetryOptions, defaultMaxDeliver: number) {
    this.general = {
      maxDeliver: defaultMaxDeliver,
      backoff: DEFAULT_BACKOFF,
      jitter: 0,
      ...given(options),
    };
    this.special = errors.map(({ type, ...rule }) => ({
      types: typeof type === 'function' ? [type] : type,
      rule: { ...this.general, ...given(rule) },
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

  /** The rule for an error. */
  ruleFor(error: unknown): ResolvedRetryRule {
    const fits = (type: ErrorType): boolean => isInstance(error, type);
    return this.special.find(({ types }) => types.some(fits))?.rule ?? this.general;
  }
}

/** How long to wait after the given delivery, counted from 1, jitter included; no longer than servers can wait. */
export function retryDelay(rule: ResolvedRetryRule, delivery: number): number {
  const wait = waitAfter(rule, delivery);
  const longer = rule.jitter > 0 ? Math.round(wait * (1 + rule.jitter * Math.random())) : wait;
  return Math.min(longer, LONGEST_DURATION);
}

function waitAfter({ backoff }: ResolvedRetryRule, delivery: number): number {
  return backoff[Math.min(delivery, backoff.length) - 1] ?? 0;
}
