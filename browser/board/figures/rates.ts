import type { HandlerInstance, HandlerRow, HandlersView } from '../../../lib/board/model/index.js';

/** What a handler does in each second, computed from two successive views. */
export interface Rates {
  readonly requests: number;
  readonly errors: number;
  /** The mean time of a delivery in milliseconds; absent if there was none. */
  readonly time?: number;
}

/** A point of the charts of a handler. */
export interface RatePoint extends Rates {
  /** Seconds since 1970. */
  readonly at: number;
  readonly lag: number | undefined;
}

/** How many points the charts have: five minutes of a view every two seconds. */
const MOST_POINTS = 150;

/** Names a handler among all rows of a view. */
export function keyOf({ service, handler, connection, form, source, consumer }: HandlerRow): string {
  return JSON.stringify([service, handler, connection, form, source, consumer]);
}

/** Computes rates from the counters of successive views. It forgets handlers and instances that are no longer in a view. */
export class RateBook {
  private time: number | undefined;
  private counters = new Map<string, HandlerInstance>();
  private rates = new Map<string, Rates>();
  private points = new Map<string, readonly RatePoint[]>();

  /** Adds a view. A view that is not newer than the last one changes nothing. */
  add(view: HandlersView): void {
    const time = Date.parse(view.time);
    const seconds = this.time === undefined ? undefined : (time - this.time) / 1_000;
    if (Number.isNaN(time) || (seconds !== undefined && seconds <= 0)) return;
    const counters = new Map<string, HandlerInstance>();
    const rates = new Map<string, Rates>();
    const points = new Map<string, readonly RatePoint[]>();
    for (const row of view.rows) {
      const key = keyOf(row);
      const known = row.instances.flatMap((instance) => {
        const name = instanceKey(key, instance.id);
        counters.set(name, instance);
        const before = this.counters.get(name);
        const found = seconds === undefined ? undefined : ratesOf(before, instance, seconds);
        if (found === undefined) return [];
        rates.set(name, found);
        return [{ rates: found, handled: instance.requests - (before?.requests ?? 0) }];
      });
      const earlier = this.points.get(key) ?? [];
      if (known.length > 0) {
        const sum = sumOf(known);
        rates.set(key, sum);
        const lag = lagOf(row);
        points.set(key, [...earlier.slice(1 - MOST_POINTS), { at: time / 1_000, lag, ...sum }]);
      } else points.set(key, earlier);
    }
    this.time = time;
    this.counters = counters;
    this.rates = rates;
    this.points = points;
  }

  /** The rates of a handler, or of one of its instances; `undefined` until there are two views. */
  of(row: HandlerRow, id?: string): Rates | undefined {
    const key = keyOf(row);
    return this.rates.get(id === undefined ? key : instanceKey(key, id));
  }

  /** The last points of a handler, oldest first. */
  pointsOf(row: HandlerRow): readonly RatePoint[] {
    return this.points.get(keyOf(row)) ?? [];
  }
}

/** How many messages wait for a handler. All instances of a consumer see the same lag, so it is not a sum. */
export function lagOf({ instances }: HandlerRow): number | undefined {
  const known = instances.flatMap(({ lag }) => (lag === undefined ? [] : [lag]));
  return known.length === 0 ? undefined : Math.max(...known);
}

function instanceKey(key: string, id: string): string {
  return `${key} ${id}`;
}

/** Counters that fell belong to an instance that started again; they have a rate after the next view. */
function ratesOf(
  before: HandlerInstance | undefined,
  now: HandlerInstance,
  seconds: number,
): Rates | undefined {
  if (before === undefined) return undefined;
  const requests = now.requests - before.requests;
  const errors = now.errors - before.errors;
  const time = now.processingTime - before.processingTime;
  if (requests < 0 || errors < 0 || time < 0) return undefined;
  return {
    requests: requests / seconds,
    errors: errors / seconds,
    ...(requests > 0 && { time: time / requests }),
  };
}

function sumOf(known: readonly { readonly rates: Rates; readonly handled: number }[]): Rates {
  const sum = (value: (rates: Rates) => number): number =>
    known.reduce((total, { rates }) => total + value(rates), 0);
  const handled = known.reduce((total, each) => total + each.handled, 0);
  const time = known.reduce((total, each) => total + (each.rates.time ?? 0) * each.handled, 0);
  return {
    requests: sum(({ requests }) => requests),
    errors: sum(({ errors }) => errors),
    ...(handled > 0 && { time: time / handled }),
  };
}
