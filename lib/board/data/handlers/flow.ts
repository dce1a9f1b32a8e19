import type { DiscoveryService } from '@nestjs/core';
import { DEAD_LETTER_STREAM, templateFilter } from '../../../consuming/index.js';
import { HandlerExplorer, handlerName, readPublishTargets } from '../../../handlers/index.js';
import type { JetStreamService } from '../../../jetstream/index.js';
import type { FlowEdge, FlowNode, FlowView, HandlerRow } from '../../model/index.js';

/** The subject of results whose subject a function chooses. */
const ANY = '>';

/**
 * The streams, buckets and handlers, and what goes from one to the other: as the instances report it, and as this
 * application declares it.
 */
export function flowOf(
  rows: readonly HandlerRow[],
  jetstream: JetStreamService,
  discovery: DiscoveryService | undefined,
): FlowView {
  const graph = new Graph();
  for (const row of rows) addHandler(graph, row);
  if (discovery !== undefined) addPublications(graph, rows, jetstream, discovery);
  return graph.view;
}

function addHandler(graph: Graph, row: HandlerRow): void {
  const { consumer, form, instances, source } = row;
  const handler = graph.node('handler', row.handler);
  const sum = (figure: (instance: HandlerRow['instances'][number]) => number | undefined): number =>
    instances.reduce((total, instance) => total + (figure(instance) ?? 0), 0);
  graph.edge({
    from: graph.node(kindOf(form, consumer), source),
    to: handler,
    kind: 'delivers',
    count: sum(({ requests }) => requests),
  });
  const buried = sum(({ outcomes }) => outcomes?.['dead-lettered']);
  if (buried === 0) return;
  graph.edge({
    from: handler,
    to: graph.node('dead-letters', DEAD_LETTER_STREAM),
    kind: 'dead-letters',
    count: buried,
  });
}

/** What delivers the messages of a handler. */
function kindOf(form: string, consumer: string | undefined): FlowNode['kind'] {
  if (form === 'kv-watch' || form === 'object-watch') return 'bucket';
  return form === 'consumer' || form === 'schedule' || consumer !== undefined ? 'stream' : 'subject';
}

/** The results that handlers of this application publish (`@PublishTo`). */
function addPublications(
  graph: Graph,
  rows: readonly HandlerRow[],
  { declarations }: JetStreamService,
  discovery: DiscoveryService,
): void {
  for (const method of new HandlerExplorer(discovery).methods()) {
    const name = handlerName(method);
    // Methods that share a consumer are one handler: their class.
    const row = rows.find(({ handler }) => handler === name || handler === method.className);
    if (row === undefined) continue;
    for (const { contract, subject } of readPublishTargets(method.callback).targets) {
      const filter = contract?.filter ?? (typeof subject === 'string' ? templateFilter(subject) : ANY);
      const stream = declarations.streamOf(filter);
      const to = stream === undefined ? graph.node('subject', filter) : graph.node('stream', stream);
      graph.edge({ from: graph.node('handler', row.handler), to, kind: 'publishes', subject: filter });
    }
  }
}

/** Nodes and edges, each once. */
class Graph {
  private readonly nodes = new Map<string, FlowNode>();
  private readonly edges = new Map<string, FlowEdge>();

  get view(): FlowView {
    return { nodes: [...this.nodes.values()], edges: [...this.edges.values()] };
  }

  /** @returns the id */
  node(kind: FlowNode['kind'], label: string): string {
    const id = `${kind}:${label}`;
    this.nodes.set(id, { id, kind, label });
    return id;
  }

  /** The counts of equal edges are added. */
  edge({ count, from, kind, subject, to }: FlowEdge): void {
    const key = JSON.stringify([from, to, kind, subject]);
    const total = count === undefined ? undefined : count + (this.edges.get(key)?.count ?? 0);
    this.edges.set(key, {
      from,
      to,
      kind,
      ...(subject !== undefined && { subject }),
      ...(total !== undefined && { count: total }),
    });
  }
}
