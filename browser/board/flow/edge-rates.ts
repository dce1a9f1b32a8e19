import type { FlowEdge } from '../../../lib/board/model/index.js';

/** The counters of the edges at a time, and the rates since the time before. */
export interface EdgeCounts {
  /** Milliseconds. */
  readonly at: number;
  readonly counts: ReadonlyMap<string, number>;
  /** Per second, by the place of the edge in its view. */
  readonly rates: ReadonlyMap<number, number>;
}

/** Computes rates from the counters of two successive views. Edges that are new, or whose counter fell, have none yet. */
export function edgeRates(
  before: EdgeCounts | undefined,
  edges: readonly FlowEdge[],
  at: number,
): EdgeCounts {
  const counts = new Map<string, number>();
  const rates = new Map<number, number>();
  for (const [index, edge] of edges.entries()) {
    if (edge.count === undefined) continue;
    const key = keyOf(edge);
    counts.set(key, edge.count);
    const earlier = before?.counts.get(key);
    if (before !== undefined && earlier !== undefined && edge.count >= earlier && at > before.at)
      rates.set(index, ((edge.count - earlier) * 1_000) / (at - before.at));
  }
  return { at, counts, rates };
}

function keyOf({ from, kind, subject, to }: FlowEdge): string {
  return JSON.stringify([from, to, kind, subject]);
}
