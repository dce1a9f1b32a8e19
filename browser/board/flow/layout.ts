import type { FlowEdge, FlowNode } from '../../../lib/board/model/index.js';
import { columnNumbers, orderColumns, type Pair } from './columns.js';

interface Place {
  readonly x: number;
  readonly y: number;
}

/** A node with its place, in pixels. */
export interface PlacedNode extends FlowNode, Place {}

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
/** How many places are reserved for edges. Further ones may lead behind nodes. */
const MOST_RESERVED = 2_000;

/** Places nodes in columns, so that most edges lead from left to right, and around the nodes of the columns between. */
export function layoutOf(nodes: readonly FlowNode[], edges: readonly FlowEdge[]): FlowLayout {
  const known = new Set(nodes.map(({ id }) => id));
  const drawn = edges.filter(({ from, to }) => known.has(from) && known.has(to));
  const numbers = columnNumbers(
    nodes.map(({ id }) => nodeKey(id)),
    drawn.map(({ from, to }): Pair => [nodeKey(from), nodeKey(to)]),
  );
  const routes = reservedRoutes(drawn, numbers);
  const columns: string[][] = [];
  for (const [key, number] of numbers) (columns[number] ??= []).push(key);
  const pairs = routes.flatMap((route) => route.slice(1).map((to, index): Pair => [route[index] ?? '', to]));
  orderColumns(columns, pairs);
  const tallest = Math.max(0, ...columns.map(({ length }) => length));
  const places = new Map<string, Place>();
  for (const [number, column] of columns.entries()) {
    const top = MARGIN + ((tallest - column.length) * (NODE_HEIGHT + GAP_Y)) / 2;
    for (const [index, key] of column.entries())
      places.set(key, { x: MARGIN + number * (NODE_WIDTH + GAP_X), y: top + index * (NODE_HEIGHT + GAP_Y) });
  }
  const placeOf = (key: string): Place => places.get(key) ?? { x: 0, y: 0 };
  return {
    width: 2 * MARGIN + Math.max(0, columns.length * (NODE_WIDTH + GAP_X) - GAP_X),
    height: 2 * MARGIN + Math.max(0, tallest * (NODE_HEIGHT + GAP_Y) - GAP_Y),
    nodes: nodes.map((node) => ({ ...node, ...placeOf(nodeKey(node.id)) })),
    edges: drawn.map((edge, index) => ({ ...edge, path: pathOf((routes[index] ?? []).map(placeOf)) })),
  };
}

/**
 * The keys of the places to which each edge leads: its two nodes, and a place that is reserved for it in each column between.
 * Adds the columns of these places to the numbers.
 */
function reservedRoutes(edges: readonly FlowEdge[], numbers: Map<string, number>): string[][] {
  let reserved = 0;
  return edges.map(({ from, to }, index) => {
    const [start, end] = [nodeKey(from), nodeKey(to)];
    const [first, last] = [numbers.get(start) ?? 0, numbers.get(end) ?? 0];
    const between: string[] = [];
    for (let number = first + 1; number < last && reserved < MOST_RESERVED; number++) {
      const key = `edge ${index} ${number}`;
      numbers.set(key, number);
      between.push(key);
      reserved++;
    }
    return [start, ...between, end];
  });
}

function nodeKey(id: string): string {
  return `node ${id}`;
}

/** Curves from the right side of each place to the left side of the next one; edges that lead back go around below. */
function pathOf(route: readonly Place[]): string {
  const middle = ({ y }: Place): number => y + NODE_HEIGHT / 2;
  const bend = GAP_X / 2;
  const [start = { x: 0, y: 0 }, ...others] = route;
  const parts = [`M${start.x + NODE_WIDTH} ${middle(start)}`];
  for (const [index, to] of others.entries()) {
    const from = route[index] ?? start;
    const [startX, startY, endX, endY] = [from.x + NODE_WIDTH, middle(from), to.x, middle(to)];
    if (endX > startX) {
      parts.push(`C${startX + bend} ${startY} ${endX - bend} ${endY} ${endX} ${endY}`);
      if (index < others.length - 1) parts.push(`H${endX + NODE_WIDTH}`);
    } else {
      const low = Math.max(from.y, to.y) + NODE_HEIGHT + GAP_Y / 2;
      parts.push(
        `C${startX + bend} ${startY} ${startX + bend} ${low} ${startX} ${low}`,
        `H${endX}`,
        `C${endX - bend} ${low} ${endX - bend} ${endY} ${endX} ${endY}`,
      );
    }
  }
  return parts.join('');
}
