import type { FlowEdge, FlowNode } from '../../../lib/board/model/index.js';

/** A node with its place, in pixels. */
export interface PlacedNode extends FlowNode {
  readonly x: number;
  readonly y: number;
}

/** The picture of a flow. */
export interface FlowLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  /** The edges whose ends both exist, each with the data of an SVG path. */
  readonly edges: readonly (FlowEdge & { readonly path: string })[];
}

export const NODE_WIDTH = 190;
export const NODE_HEIGHT = 40;
const GAP_X = 90;
const GAP_Y = 24;
const MARGIN = 16;
const SWEEPS = 4;

/** Places nodes in columns, so that most edges lead from left to right; each column is ordered to cross few edges. */
export function layoutOf(nodes: readonly FlowNode[], edges: readonly FlowEdge[]): FlowLayout {
  const known = new Set(nodes.map(({ id }) => id));
  const drawn = edges.filter(({ from, to }) => known.has(from) && known.has(to));
  const columns = orderedColumns(columnsOf(nodes, drawn), drawn);
  const tallest = Math.max(0, ...columns.map(({ length }) => length));
  const placed = columns.flatMap((column, x) =>
    column.map((node, y): PlacedNode => {
      const offset = ((tallest - column.length) * (NODE_HEIGHT + GAP_Y)) / 2;
      return {
        ...node,
        x: MARGIN + x * (NODE_WIDTH + GAP_X),
        y: MARGIN + offset + y * (NODE_HEIGHT + GAP_Y),
      };
    }),
  );
  const places = new Map(placed.map((node) => [node.id, node]));
  return {
    width: 2 * MARGIN + Math.max(0, columns.length * (NODE_WIDTH + GAP_X) - GAP_X),
    height: 2 * MARGIN + Math.max(0, tallest * (NODE_HEIGHT + GAP_Y) - GAP_Y),
    nodes: placed,
    edges: drawn.flatMap((edge) => {
      const [from, to] = [places.get(edge.from), places.get(edge.to)];
      return from === undefined || to === undefined ? [] : [{ ...edge, path: pathOf(from, to) }];
    }),
  };
}

/** Each node is one column behind the last of its predecessors; edges that close a circle are ignored for that. */
function columnsOf(nodes: readonly FlowNode[], edges: readonly FlowEdge[]): FlowNode[][] {
  const next = new Map<string, string[]>(nodes.map(({ id }) => [id, []]));
  for (const { from, to } of edges) next.get(from)?.push(to);
  const order = successorsFirst(nodes, next);
  const position = new Map(order.map((id, index) => [id, index]));
  const depth = new Map<string, number>();
  for (let at = order.length - 1; at >= 0; at--) {
    const id = order[at] ?? '';
    const own = depth.get(id) ?? 0;
    depth.set(id, own);
    for (const to of next.get(id) ?? [])
      if ((position.get(to) ?? 0) < at) depth.set(to, Math.max(depth.get(to) ?? 0, own + 1));
  }
  const columns: FlowNode[][] = [];
  for (const node of nodes) (columns[depth.get(node.id) ?? 0] ??= []).push(node);
  return columns;
}

/** Successors first, except along edges that close a circle. It needs no recursion, so long chains are possible. */
function successorsFirst(nodes: readonly FlowNode[], next: ReadonlyMap<string, readonly string[]>): string[] {
  const finished: string[] = [];
  const seen = new Set<string>();
  const targets = new Set([...next.values()].flat());
  // Sources first: a circle then begins where messages enter it.
  const starts = [...nodes].sort((a, b) => Number(targets.has(a.id)) - Number(targets.has(b.id)));
  for (const { id: start } of starts) {
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

/** Moves each node to the mean place of its predecessors, from left to right, then of its successors, and so on. */
function orderedColumns(columns: FlowNode[][], edges: readonly FlowEdge[]): FlowNode[][] {
  const before = neighborsOf(edges.map(({ from, to }) => [to, from]));
  const behind = neighborsOf(edges.map(({ from, to }) => [from, to]));
  const places = new Map<string, number>();
  const place = (column: readonly FlowNode[]): void => {
    for (const [y, { id }] of column.entries()) places.set(id, y - (column.length - 1) / 2);
  };
  for (const column of columns) place(column);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const isForward = sweep % 2 === 0;
    const wanted = ({ id }: FlowNode): number => {
      const near = (isForward ? before : behind).get(id) ?? [];
      if (near.length === 0) return places.get(id) ?? 0;
      return near.reduce((sum, each) => sum + (places.get(each) ?? 0), 0) / near.length;
    };
    for (let step = 0; step < columns.length; step++) {
      const column = columns[isForward ? step : columns.length - 1 - step] ?? [];
      const goals = new Map(column.map((node) => [node.id, wanted(node)]));
      column.sort((a, b) => (goals.get(a.id) ?? 0) - (goals.get(b.id) ?? 0));
      place(column);
    }
  }
  return columns;
}

function neighborsOf(pairs: readonly (readonly [string, string])[]): ReadonlyMap<string, readonly string[]> {
  const neighbors = new Map<string, string[]>();
  for (const [id, neighbor] of pairs) {
    const known = neighbors.get(id);
    if (known === undefined) neighbors.set(id, [neighbor]);
    else known.push(neighbor);
  }
  return neighbors;
}

/** A curve from the right side of a node to the left side of another one; edges that lead back go around below. */
function pathOf(from: PlacedNode, to: PlacedNode): string {
  const [startX, startY] = [from.x + NODE_WIDTH, from.y + NODE_HEIGHT / 2];
  const [endX, endY] = [to.x, to.y + NODE_HEIGHT / 2];
  const bend = GAP_X / 2;
  if (endX > startX)
    return `M${startX} ${startY} C${startX + bend} ${startY} ${endX - bend} ${endY} ${endX} ${endY}`;
  const low = Math.max(from.y, to.y) + NODE_HEIGHT + GAP_Y / 2;
  return (
    `M${startX} ${startY} C${startX + bend} ${startY} ${startX + bend} ${low} ${startX} ${low} ` +
    `L${endX} ${low} C${endX - bend} ${low} ${endX - bend} ${endY} ${endX} ${endY}`
  );
}
