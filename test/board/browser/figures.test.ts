import { describe, expect, it } from 'vitest';
import { chartPath, roundMost } from '../../../browser/board/figures/chart-path.js';
import { edgeRates } from '../../../browser/board/flow/edge-rates.js';
import {
  lastErrorOf,
  outcomesOf,
  statusesOf,
  sumOf,
} from '../../../browser/board/figures/handler-figures.js';
import { lagOf, RateBook } from '../../../browser/board/figures/rates.js';
import type { HandlerInstance, HandlerRow, HandlersView } from '../../../lib/board/model/index.js';

const START = Date.parse('2026-01-01T00:00:00Z');

function instance(id: string, figures: Partial<HandlerInstance> = {}): HandlerInstance {
  return { id, isSelf: false, requests: 0, errors: 0, lastError: '', processingTime: 0, ...figures };
}

function handler(...instances: readonly HandlerInstance[]): HandlerRow {
  const names = { handler: 'Billing.onOrder', connection: 'default', form: 'consumer', source: 'ORDERS' };
  return { ...names, instances };
}

function view(seconds: number, ...rows: readonly HandlerRow[]): HandlersView {
  return { time: new Date(START + seconds * 1_000).toISOString(), rows, skipped: 0 };
}

describe('rates', () => {
  it('are those between two views, of each instance and of all', () => {
    const book = new RateBook();
    book.add(view(0, handler(instance('a', { requests: 10 }), instance('b', { requests: 5 }))));
    const row = handler(
      instance('a', { requests: 30, errors: 4, processingTime: 200, lag: 7 }),
      instance('b', { requests: 25, errors: 0, processingTime: 600, lag: 9 }),
    );
    expect(book.of(row)).toBeUndefined();
    book.add(view(2, row));
    expect(book.of(row, 'a')).toEqual({ requests: 10, errors: 2, time: 10 });
    expect(book.of(row, 'b')).toEqual({ requests: 10, errors: 0, time: 30 });
    expect(book.of(row)).toEqual({ requests: 20, errors: 2, time: 20 });
    expect(book.pointsOf(row)).toEqual([
      { at: START / 1_000 + 2, requests: 20, errors: 2, time: 20, lag: 9 },
    ]);
  });

  it('ignore instances that started again or are new, until the next view', () => {
    const book = new RateBook();
    book.add(view(0, handler(instance('a', { requests: 100 }), instance('b', { requests: 100 }))));
    book.add(
      view(
        1,
        handler(
          instance('a', { requests: 2 }),
          instance('b', { requests: 103 }),
          instance('c', { requests: 50 }),
        ),
      ),
    );
    const row = handler(
      instance('a', { requests: 4 }),
      instance('b', { requests: 103 }),
      instance('c', { requests: 51 }),
    );
    expect([book.of(row, 'a'), book.of(row, 'c')]).toEqual([undefined, undefined]);
    expect(book.of(row)).toEqual({ requests: 3, errors: 0, time: 0 });
    book.add(view(2, row));
    expect(book.of(row)).toEqual({ requests: 3, errors: 0, time: 0 });
  });

  it('do not change by a view that is sent twice or late', () => {
    const book = new RateBook();
    const row = handler(instance('a', { requests: 10 }));
    book.add(view(0, handler(instance('a'))));
    book.add(view(1, row));
    for (const late of [view(1, row), view(0.5, handler(instance('a')))]) book.add(late);
    book.add({ time: 'no time', rows: [], skipped: 0 });
    expect(book.of(row)?.requests).toBe(10);
  });

  it('need bounded memory, and none for what is gone', () => {
    const book = new RateBook();
    const row = handler(instance('a'));
    for (let second = 0; second < 500; second++)
      book.add(view(second, handler(instance('a', { requests: second }))));
    expect(book.pointsOf(row)).toHaveLength(150);
    expect(book.pointsOf(row).at(-1)?.at).toBe(START / 1_000 + 499);
    book.add(view(500));
    expect([book.of(row), book.pointsOf(row)]).toEqual([undefined, []]);
  });

  it('of edges are those between two views', () => {
    const edge = (from: string, count?: number) =>
      ({ from, to: 'h', kind: 'delivers', ...(count !== undefined && { count }) }) as const;
    const first = edgeRates(undefined, [edge('a', 0), edge('b', 10), edge('c')], 1_000);
    expect(first.rates.size).toBe(0);
    const second = edgeRates(first, [edge('b', 5), edge('a', 10), edge('c'), edge('d', 9)], 3_000);
    expect([...second.rates]).toEqual([[1, 5]]);
  });
});

describe('figures of a handler', () => {
  it('are counted over its instances', () => {
    const row = handler(
      instance('a', { status: 'running', inFlight: 2, outcomes: { ack: 3, nak: 1 } }),
      instance('b', { status: 'running', connected: false, outcomes: { ack: 1, term: 7 } }),
      instance('c', { status: 'running', circuitOpen: true, inFlight: 1, lastError: 'late' }),
      instance('d'),
    );
    expect(statusesOf(row)).toEqual([
      ['circuit open', 1],
      ['not connected', 1],
      ['running', 1],
      ['unknown', 1],
    ]);
    expect(sumOf(row, ({ inFlight }) => inFlight)).toBe(3);
    expect(sumOf(row, ({ buffered }) => buffered)).toBeUndefined();
    expect(outcomesOf(row)).toEqual([
      ['term', 7],
      ['ack', 4],
      ['nak', 1],
    ]);
    expect(lastErrorOf(row)).toBe('late');
    // All instances see the lag of the same consumer.
    expect(lagOf(handler(instance('a', { lag: 4 }), instance('b', { lag: 5 })))).toBe(5);
    expect(lagOf(row)).toBeUndefined();
  });
});

describe('charts', () => {
  const area = { width: 100, height: 50, from: 10, to: 20, most: 4 };

  it.each([
    [[10, 15, 20], [0, 2, 4], 'M0 50h0L50 25L100 0'],
    [[10, 15, 20], [1, undefined, 8], 'M0 37.5h0M100 0h0'],
    [[], [], ''],
  ])('draw %j %j as %s', (times, values, path) => {
    expect(chartPath(times, values, area)).toBe(path);
  });

  it('draw a single value, and values without a range', () => {
    expect(chartPath([10], [1], { ...area, to: 10, most: 0 })).toBe('M100 50h0');
  });

  it.each([
    [[], 1],
    [[0, undefined], 1],
    [[1.5, 0.1], 2],
    [[3], 5],
    [[51], 100],
    [[1_001], 2_000],
  ])('of %j end at %d', (values, most) => {
    expect(roundMost(values)).toBe(most);
  });
});
