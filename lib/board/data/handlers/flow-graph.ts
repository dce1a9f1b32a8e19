import type { FlowEdge, FlowNode, FlowView } from '../../model/index.js';

/** Nodes and edges, each once. */
export class FlowGraph {
  private readonly nodes = new Map<string, FlowNode>();
  private readonly edges = new Map<string, FlowEdge>();

  get view(): FlowView {
    return { nodes: [...this.nodes.values()], edges: [...this.edges.values()] };
  }

  /**
   * Adds a node.
   *
   * @param scope distinguishes nodes with the same label
   * @returns its id
   */
  node(kind: FlowNode['kind'], label: string, scope = ''): string {
    const id = JSON.stringify([kind, label, scope]);
    this.nodes.set(id, { id, kind, label });
    return id;
  }

  /** Adds an edge; the counts of equal edges are added. */
  edge({ count, ...edge }: FlowEdge): void {
    const key = JSON.stringify([edge.from, edge.to, edge.kind, edge.subject]);
    const before = this.edges.get(key)?.count;
    const total = count === undefined ? before : count + (before ?? 0);
    this.edges.set(key, { ...edge, ...(total !== undefined && { count: total }) });
  }
}
