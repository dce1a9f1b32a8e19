import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  Backoff,
  CommandQueue,
  Deadline,
  Interval,
  retry,
  sleep,
  Timer,
  within,
} from '../../lib/timing/index.js';

const LONG = [2_147_483_648, 30 * 86_400_000, Number.MAX_SAFE_INTEGER, Infinity];

describe('timers', () => {
  it.each(LONG)('of %s ms do not fire at once', async (delay) => {
    let calls = 0;
    const timers = [new Timer(delay, () => calls++), new Interval(delay, () => calls++)];
    const aborted = new AbortController();
    const sleeping = sleep(delay, aborted.signal).then(() => calls++);
    const waiting = within(delay, new Promise(() => {})).then(() => calls++);
    await sleep(20);
    expect(calls).toBe(0);
    for (const timer of timers) timer.cancel();
    aborted.abort();
    await sleeping;
    expect(calls).toBe(1);
    void waiting;
  });

  it('of an interval continue until they are cancelled', async () => {
    let calls = 0;
    const interval = new Interval(1, () => calls++);
    while (calls < 3) await sleep(1);
    interval.cancel();
    const seen = calls;
    await sleep(10);
    expect(calls).toBe(seen);
  });

  it('are ended by a signal, even an already aborted one', async () => {
    const before = performance.now();
    await sleep(10_000, AbortSignal.abort());
    const aborted = new AbortController();
    setTimeout(() => aborted.abort(), 5);
    await sleep(10_000, aborted.signal);
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it('add one listener to a signal that several share', async () => {
    const shared = new AbortController();
    const sleeping = Array.from({ length: 12 }, () => sleep(10_000, shared.signal));
    expect(getEventListeners(shared.signal, 'abort')).toHaveLength(1);
    shared.abort();
    await Promise.all(sleeping);
    expect(getEventListeners(shared.signal, 'abort')).toHaveLength(0);
  });
});

describe('time limits', () => {
  it('report whether a promise settled in time, and never reject', async () => {
    expect(await within(1_000, Promise.resolve())).toBe(true);
    expect(await within(1_000, Promise.reject(new Error('no')))).toBe(true);
    expect(await within(5, new Promise(() => {}))).toBe(false);
    const deadline = new Deadline(10);
    expect(await deadline.wait(new Promise(() => {}))).toBe(false);
    expect(deadline.passed).toBe(true);
    expect(await deadline.wait(new Promise(() => {}))).toBe(false);
    expect(new Deadline(Infinity).left).toBe(Infinity);
  });
});

describe('backoff', () => {
  it('doubles up to the longest wait, minus a random fraction', () => {
    const backoff = new Backoff({ first: 100, longest: 1_000 });
    for (const wait of [100, 200, 400, 800, 1_000, 1_000]) {
      const next = backoff.next();
      expect(next).toBeLessThanOrEqual(wait);
      expect(next).toBeGreaterThanOrEqual(wait / 2);
    }
  });

  it('starts again only after a success has lasted', async () => {
    const backoff = new Backoff({ first: 100, longest: 10_000, resetAfter: 30 });
    for (let i = 0; i < 5; i++) backoff.next();
    backoff.succeeded();
    expect(backoff.next()).toBeGreaterThanOrEqual(1_600);
    backoff.succeeded();
    await sleep(40);
    expect(backoff.next()).toBeLessThanOrEqual(100);
  });
});

describe('retry', () => {
  const loop = { first: 1, longest: 2, retryable: (error: unknown) => (error as Error).message === 'passes' };

  it('retries temporary errors until it succeeds', async () => {
    let calls = 0;
    const result = await retry(async () => {
      if (++calls < 4) throw new Error('passes');
      return calls;
    }, loop);
    expect(result).toBe(4);
  });

  it('throws permanent errors at once, and the last error at the deadline or when aborted', async () => {
    let calls = 0;
    const fail = (message: string) => async () => {
      calls++;
      throw new Error(message);
    };
    await expect(retry(fail('stays'), loop)).rejects.toThrow('stays');
    expect(calls).toBe(1);
    await expect(retry(fail('passes'), { ...loop, deadline: new Deadline(20) })).rejects.toThrow('passes');
    const aborted = new AbortController();
    setTimeout(() => aborted.abort(), 10);
    await expect(retry(fail('passes'), { ...loop, signal: aborted.signal })).rejects.toThrow('passes');
  });
});

describe('a command queue', () => {
  it('runs commands one after the other, even if they fail', async () => {
    const queue = new CommandQueue();
    const seen: string[] = [];
    const command = (name: string) => async () => {
      seen.push(`${name} starts`);
      await sleep(2);
      seen.push(`${name} ends`);
      if (name === 'a') throw new Error(name);
      return name;
    };
    const [a, b] = [queue.run(command('a')), queue.run(command('b'))];
    await expect(a).rejects.toThrow('a');
    expect(await b).toBe('b');
    expect(seen).toEqual(['a starts', 'a ends', 'b starts', 'b ends']);
  });
});
