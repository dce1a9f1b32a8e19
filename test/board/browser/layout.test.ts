import { describe, expect, it } from 'vitest';
import { layoutOf, NODE_HEIGHT, NODE_WIDTH } from '../../../browser/board/flow/layout.js';
import type { FlowEdge, FlowNode } from '../../../lib/board/model/index.js';

const nodes = (ids: string): FlowNode[] => ids.split('').map((id) => ({ id, kind: 'stream', label: id }));
const edges = (pairs: string): FlowEdge[] =>
  pairs.split(' ').map((pair) => ({ from: pair.charAt(0), to: pair.charAt(1), kind: 'delivers' }));

/** The columns from left to right, each from top to bottom. */
function columnsOf(ids: string, pairs: string): string[] {
  const columns = new Map<number, string>();
  const { nodes: placed } = layoutOf(nodes(ids), edges(pairs));
  for (const { id, x } of [...placed].sort((a, b) => a.x - b.x || a.y - b.y))
    columns.set(x, (columns.get(x) ?? '') + id);
  return [...columns.values()];
}

describe('the layout of a flow', () => {
  it.each([
    ['abc', 'ab bc', ['a', 'b', 'c']],
    // In the order of the longest path.
    ['abc', 'ac ab bc', ['a', 'b', 'c']],
    // Without crossing edges.
    ['abxy', 'ay bx', ['ab', 'yx']],
    // A circle begins where messages enter it.
    ['cabx', 'ab bc ca xa', ['x', 'a', 'b', 'c']],
    ['a', 'aa', ['a']],
    ['ab', 'ab ba', ['a', 'b']],
  ])('of %s with %s is %j', (ids, pairs, expected) => {
    expect(columnsOf(ids, pairs)).toEqual(expected);
  });

  it('has no overlapping nodes, and all of them inside the picture', () => {
    const ids = 'abcdefghijklmnopqrst';
    const all = ids.split('').flatMap((from, i) =>
      ids
        .split('')
        .filter((_, j) => (i * 7 + j * 3) % 11 === 0)
        .map((to) => from + to),
    );
    const { nodes: placed, width, height } = layoutOf(nodes(ids), edges(all.join(' ')));
    expect(placed).toHaveLength(ids.length);
    for (const [index, a] of placed.entries()) {
      expect(a.x >= 0 && a.y >= 0 && a.x + NODE_WIDTH <= width && a.y + NODE_HEIGHT <= height).toBe(true);
      for (const b of placed.slice(index + 1))
        expect(Math.abs(a.x - b.x) >= NODE_WIDTH || Math.abs(a.y - b.y) >= NODE_HEIGHT).toBe(true);
    }
  });

  it('leads edges around the nodes of the columns between', () => {
    const { nodes: placed, edges: drawn } = layoutOf(nodes('abc'), edges('ab bc ac'));
    const long = drawn[2]?.path ?? '';
    // The column between has a place for it, which is not that of the node there.
    const [, height] = /C.*?,? ([\d.]+)H/.exec(long) ?? [];
    const between = placed.find(({ id }) => id === 'b');
    expect(Number(height)).toBeGreaterThan(0);
    expect(Math.abs(Number(height) - (between?.y ?? 0) - NODE_HEIGHT / 2)).toBeGreaterThanOrEqual(
      NODE_HEIGHT,
    );
  });

  it('leaves out edges without an end, and accepts nothing at all', () => {
    expect(layoutOf(nodes('a'), edges('ab')).edges).toEqual([]);
    expect(layoutOf([], [])).toEqual({ width: 32, height: 32, nodes: [], edges: [] });
  });

  it('is quick and needs no deep stack for 5,000 nodes in a chain', () => {
    const chain: FlowNode[] = Array.from({ length: 5_000 }, (_, i) => ({
      id: `n${i}`,
      kind: 'handler',
      label: 'h',
    }));
    const links: FlowEdge[] = chain
      .slice(1)
      .map(({ id }, i) => ({ from: `n${i}`, to: id, kind: 'publishes' }));
    const start = performance.now();
    expect(layoutOf(chain, links).edges).toHaveLength(4_999);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});
