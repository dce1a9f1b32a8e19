/** A directed edge between two ids. */
export type Pair = readonly [from: string, to: string];

const SWEEPS = 4;

/** The column of each id: one behind the last of its predecessors. Edges that close a circle are ignored for that. */
export function columnNumbers(ids: readonly string[], edges: readonly Pair[]): Map<string, number> {
  const next = neighborsOf(edges);
  const order = successorsFirst(ids, next);
  const position = new Map(order.map((id, index) => [id, index]));
  const numbers = new Map<string, number>();
  for (let at = order.length - 1; at >= 0; at--) {
    const id = order[at] ?? '';
    const own = numbers.get(id) ?? 0;
    numbers.set(id, own);
    for (const to of next.get(id) ?? [])
      if ((position.get(to) ?? 0) < at) numbers.set(to, Math.max(numbers.get(to) ?? 0, own + 1));
  }
  // In the order of the ids, so that the picture does not depend on the order of the edges.
  return new Map(ids.map((id) => [id, numbers.get(id) ?? 0]));
}

/** Orders each column: moves ids to the mean place of their predecessors, from left to right, then of their successors, and so on. */
export function orderColumns(columns: string[][], edges: readonly Pair[]): string[][] {
  const behind = neighborsOf(edges);
  const before = neighborsOf(edges.map(([from, to]) => [to, from]));
  const places = new Map<string, number>();
  const place = (column: readonly string[]): void => {
    for (const [y, id] of column.entries()) places.set(id, y - (column.length - 1) / 2);
  };
  for (const column of columns) place(column);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const isForward = sweep % 2 === 0;
    const wanted = (id: string): number => {
      const near = (isForward ? before : behind).get(id) ?? [];
      if (near.length === 0) return places.get(id) ?? 0;
      return near.reduce((sum, each) => sum + (places.get(each) ?? 0), 0) / near.length;
    };
    for (let step = 0; step < columns.length; step++) {
      const column = columns[isForward ? step : columns.length - 1 - step] ?? [];
      const goals = new Map(column.map((id) => [id, wanted(id)]));
      column.sort((a, b) => (goals.get(a) ?? 0) - (goals.get(b) ?? 0));
      place(column);
    }
  }
  return columns;
}

/** Successors first, except along edges that close a circle. It needs no recursion, so long chains are possible. */
function successorsFirst(ids: readonly string[], next: ReadonlyMap<string, readonly string[]>): string[] {
  const finished: string[] = [];
  const seen = new Set<string>();
  const targets = new Set([...next.values()].flat());
  // Sources first: a circle then begins where messages enter it.
  const starts = [...ids].sort((a, b) => Number(targets.has(a)) - Number(targets.has(b)));
  for (const start of starts) {
    if (seen.has(start)) continue;
    seen.add(start);
    const stack = [{ id: start, at: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const to = next.get(top.id)?.[top.at++];
      if (to === undefined) {
        finished.push(top.id);
        stack.pop();
      } else if (!seen.has(to)) {
        seen.add(to);
        stack.push({ id: to, at: 0 });
      }
    }
  }
  return finished;
}

function neighborsOf(pairs: readonly Pair[]): ReadonlyMap<string, readonly string[]> {
  const neighbors = new Map<string, string[]>();
  for (const [id, neighbor] of pairs) {
    const known = neighbors.get(id);
    if (known === undefined) neighbors.set(id, [neighbor]);
    else known.push(neighbor);
  }
  return neighbors;
}
