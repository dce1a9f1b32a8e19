import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { FlowEdge, FlowView } from '../../../../lib/board/model/index.js';
import { type EdgeCounts, edgeRates } from '../../flow/edge-rates.js';
import { layoutOf } from '../../flow/layout.js';
import { DataTable } from '../../parts/data-table.js';
import { Content, Screen } from '../../parts/screen.js';
import { useBoard } from '../../state/board.js';
import { useView } from '../../state/use-view.js';
import { rate } from '../../text/format.js';
import { visibleLine } from '../../text/visible.js';
import { FlowPicture } from './flow-picture.js';

const REFRESH = 5_000;

/** Which messages go from streams to handlers and on to other streams. */
export function Flow(): JSX.Element {
  const { connection } = useBoard();
  const loaded = useView('flow', { connection }, REFRESH);
  return (
    <Screen title="Flow">
      <p class="quiet">The table below the picture has the same content.</p>
      <Content loaded={loaded}>{(view) => <FlowContent view={view} />}</Content>
    </Screen>
  );
}

function FlowContent({ view }: { readonly view: FlowView }): JSX.Element {
  const { nodes, edges } = view;
  const [counts, setCounts] = useState<EdgeCounts>();
  useEffect(() => setCounts((before) => edgeRates(before, edges, performance.now())), [view]);
  const layout = useMemo(() => layoutOf(nodes, edges), [view]);
  const labels = new Map(nodes.map(({ id, kind, label }) => [id, `${label} (${kind})`]));
  const labelOf = (id: string): string => visibleLine(labels.get(id) ?? id, 200);
  const rateOf = (edge: FlowEdge): number | undefined => counts?.rates.get(edges.indexOf(edge));
  return (
    <>
      <FlowPicture layout={layout} />
      <DataTable
        caption="Flow of messages"
        rows={edges}
        keyOf={({ from, kind, subject, to }) => JSON.stringify([from, to, kind, subject])}
        empty="No handler is known."
        columns={[
          { title: 'From', cell: ({ from }) => labelOf(from) },
          { title: 'Flow', cell: ({ kind }) => visibleLine(kind) },
          { title: 'To', cell: ({ to }) => labelOf(to) },
          { title: 'Subject', cell: ({ subject }) => visibleLine(subject ?? '–', 200) },
          { title: 'Per second', isNumber: true, cell: (edge) => rate(rateOf(edge)) },
        ]}
      />
    </>
  );
}
