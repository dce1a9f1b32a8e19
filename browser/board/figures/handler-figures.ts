import type { HandlerInstance, HandlerRow } from '../../../lib/board/model/index.js';

/** The statuses of the instances of a handler, each with the number of its instances, such as `running 2, paused 1`. */
export function statusesOf({ instances }: HandlerRow): readonly (readonly [status: string, count: number])[] {
  const counts = new Map<string, number>();
  for (const instance of instances) {
    const status = statusOf(instance);
    counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => a.localeCompare(b));
}

/** The status of a handler in one instance. */
export function statusOf({ status, connected, circuitOpen }: HandlerInstance): string {
  if (connected === false) return 'not connected';
  if (circuitOpen === true) return 'circuit open';
  return status ?? 'unknown';
}

/** The sum of a figure over all instances; `undefined` if no instance has it. */
export function sumOf(
  { instances }: HandlerRow,
  figure: (instance: HandlerInstance) => number | undefined,
): number | undefined {
  const known = instances.flatMap((instance) => figure(instance) ?? []);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0);
}

/** How often deliveries had each outcome, in all instances, most frequent first. */
export function outcomesOf({
  instances,
}: HandlerRow): readonly (readonly [outcome: string, count: number])[] {
  const counts = new Map<string, number>();
  for (const { outcomes = {} } of instances)
    for (const [outcome, count] of Object.entries(outcomes))
      counts.set(outcome, (counts.get(outcome) ?? 0) + count);
  return [...counts].sort(([, a], [, b]) => b - a);
}

/** The last error of any instance; empty if there was none. */
export function lastErrorOf({ instances }: HandlerRow): string {
  return instances.find(({ lastError }) => lastError !== '')?.lastError ?? '';
}
