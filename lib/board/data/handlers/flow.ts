import type { DiscoveryService } from '@nestjs/core';
import { DEAD_LETTER_STREAM, templateFilter } from '../../../consuming/index.js';
import { FeatureMessages } from '../../../contracts/index.js';
import { HandlerExplorer, handlerName, readPublishTargets } from '../../../handlers/index.js';
import type { JetStreamService } from '../../../jetstream/index.js';
import type { FlowNode, FlowView, HandlerRow } from '../../model/index.js';
import type { BoardSource } from '../board-source.js';
import { FlowGraph } from './flow-graph.js';

/**
 * The streams, buckets and handlers, and what goes from one to the other: what is delivered as the instances report it,
 * and what is published as this application declares it. Streams that only other applications declare are not known as
 * destinations: the subject is shown in their place.
 */
export function flowOf(
  rows: readonly HandlerRow[],
  { discovery }: Pick<BoardSource, 'discovery'>,
  jetstream: JetStreamService,
): FlowView {
  const graph = new FlowGraph();
  for (const row of rows) addHandler(graph, row);
  if (discovery !== undefined) {
    addResults(graph, rows, discovery, jetstream);
    addPublishers(graph, discovery, jetstream);
  }
  return graph.view;
}

/** Services may have handlers with the same name. */
function handlerNode(graph: FlowGraph, { handler, service }: HandlerRow): string {
  return graph.node('handler', handler, service);
}

function addHandler(graph: FlowGraph, row: HandlerRow): void {
  const handler = handlerNode(graph, row);
  const sum = (figure: (instance: HandlerRow['instances'][number]) => number | undefined): number =>
    row.instances.reduce((total, instance) => total + (figure(instance) ?? 0), 0);
  const from = graph.node(sourceKind(row), row.source);
  graph.edge({ from, to: handler, kind: 'delivers', count: sum(({ requests }) => requests) });
  const buried = sum(({ outcomes }) => outcomes?.['dead-lettered']);
  if (buried === 0) return;
  const to = graph.node('dead-letters', DEAD_LETTER_STREAM);
  graph.edge({ from: handler, to, kind: 'dead-letters', count: buried });
}

/** The kind of the node that delivers the messages of a handler. */
function sourceKind({ consumer, controlName, form, source }: HandlerRow): FlowNode['kind'] {
  if (form === 'kv-watch' || form === 'object-watch') return 'bucket';
  // Patterns of core NATS have neither a consumer nor a name for commands.
  const isPattern =
    (form === 'event' || form === 'request') && consumer === undefined && controlName === undefined;
  if (form === 'subscription' || isPattern) return 'subject';
  return source === DEAD_LETTER_STREAM ? 'dead-letters' : 'stream';
}

/** The results that handlers of this application publish (`@PublishTo`). */
function addResults(
  graph: FlowGraph,
  rows: readonly HandlerRow[],
  discovery: DiscoveryService,
  jetstream: JetStreamService,
): void {
  const own = rows.filter(({ instances }) => instances.some(({ isSelf }) => isSelf));
  for (const method of new HandlerExplorer(discovery).methods()) {
    const name = handlerName(method);
    // Methods that share a consumer may be shown as their class, and a bound method has a number.
    const row = own.find(
      ({ handler }) => handler === name || handler === method.className || handler.startsWith(`${name}#`),
    );
    if (row === undefined) continue;
    const from = handlerNode(graph, row);
    for (const { contract, options, subject } of readPublishTargets(method.callback).targets) {
      const filter = contract?.filter ?? (typeof subject === 'string' ? templateFilter(subject) : undefined);
      if (filter === undefined) {
        const to = graph.node('subject', 'chosen by a function', from);
        graph.edge({ from, to, kind: 'publishes' });
        continue;
      }
      const to = destination(graph, filter, options.connection ?? row.connection, jetstream);
      graph.edge({ from, to, kind: 'publishes', subject: filter });
    }
  }
}

/** The stream that stores the messages of a subject, or the subject if it is not known or on another connection. */
function destination(
  graph: FlowGraph,
  filter: string,
  connection: string,
  { connection: { name }, declarations }: JetStreamService,
): string {
  if (connection !== name) return graph.node('subject', `${filter} on connection ${connection}`);
  const stream = declarations.streamOf(filter);
  return stream === undefined ? graph.node('subject', filter) : graph.node('stream', stream);
}

/** The messages that modules of this application publish outside of handlers (`forFeature`). */
function addPublishers(
  graph: FlowGraph,
  discovery: DiscoveryService,
  { connection: { name }, declarations }: JetStreamService,
): void {
  for (const { instance } of discovery.getProviders() as readonly { readonly instance: unknown }[]) {
    if (!(instance instanceof FeatureMessages) || instance.connection !== name) continue;
    for (const { core, filter } of instance.contracts) {
      const stream = core ? undefined : declarations.streamOf(filter);
      if (stream === undefined) continue;
      const from = graph.node('subject', filter);
      graph.edge({ from, to: graph.node('stream', stream), kind: 'publishes', subject: filter });
    }
  }
}
