import { describe, expect, it } from 'vitest';
import { retryDelay, RetryPolicy } from '../../lib/consuming/index.js';

class Busy extends Error {}
class VeryBusy extends Busy {}

describe('RetryPolicy', () => {
  it('uses the delays of the backoff, and the last one for all further deliveries', () => {
    const rule = new RetryPolicy({ backoff: [10, 20] }, Infinity).ruleFor(new Error());
    expect([1, 2, 3, 100].map((delivery) => retryDelay(rule, delivery))).toEqual([10, 20, 20, 20]);
  });

  it('extends each delay by a random fraction up to jitter', () => {
    const rule = new RetryPolicy({ backoff: [1_000], jitter: 0.5 }, Infinity).ruleFor(new Error());
    const waits = Array.from({ length: 200 }, () => retryDelay(rule, 1));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_500);
    expect(new Set(waits).size).toBeGreaterThan(50);
  });

  it('uses the first matching rule, with the general one for its missing options', () => {
    const policy = new RetryPolicy(
      {
        maxDeliver: 4,
        backoff: [10],
        jitter: 0.1,
        errors: [
          { type: Busy, maxDeliver: 50 },
          { type: [VeryBusy, RangeError], backoff: [99] },
        ],
      },
      5,
    );
    expect(policy.ruleFor(new VeryBusy())).toMatchObject({ maxDeliver: 50, backoff: [10], jitter: 0.1 });
    expect(policy.ruleFor(new RangeError())).toMatchObject({ maxDeliver: 4, backoff: [99] });
    expect(policy.ruleFor('a string')).toMatchObject({ maxDeliver: 4, backoff: [10] });
  });

  it('sets maxDeliver of the consumer to the highest one of all rules', () => {
    const errors = [{ type: Busy, maxDeliver: 50 }];
    expect(new RetryPolicy({ maxDeliver: 3, errors }, 5).maxDeliver).toBe(50);
    expect(new RetryPolicy({ errors }, 5).maxDeliver).toBe(50);
    expect(new RetryPolicy({}, 5).maxDeliver).toBe(5);
    expect(new RetryPolicy({ errors }, Infinity).maxDeliver).toBe(Infinity);
  });

  it('returns the longest possible delay before each delivery', () => {
    const policy = new RetryPolicy(
      { backoff: [10, 20, 30], jitter: 0.5, errors: [{ type: Busy, backoff: [25], jitter: 0 }] },
      5,
    );
    expect(policy.longestBackoff).toEqual([25, 30, 45]);
  });
});
