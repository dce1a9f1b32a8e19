import type { JSX } from 'preact';
import { DataTable } from '../../parts/data-table.js';
import { Filters } from '../../parts/filters.js';
import { Pager } from '../../parts/pager.js';
import { Content, Screen } from '../../parts/screen.js';
import { When } from '../../parts/when.js';
import { useBoard, useLink } from '../../state/board.js';
import type { Route } from '../../state/route.js';
import { goTo } from '../../state/use-route.js';
import { useView } from '../../state/use-view.js';
import { bytes, count } from '../../text/format.js';
import { visibleLine } from '../../text/visible.js';

const REFRESH = 5_000;

/** The streams of a connection. */
export function Streams({ route: { query } }: { readonly route: Route }): JSX.Element {
  const { connection } = useBoard();
  const link = useLink();
  const { after, search } = query;
  const loaded = useView('streams', { connection, after, search, limit: undefined }, REFRESH);
  return (
    <Screen title="Streams">
      <Filters
        label="Streams"
        fields={[{ name: 'search', label: 'Name contains' }]}
        values={{ search: search ?? '' }}
        onApply={(values) => goTo(link(['streams'], values))}
      />
      <Content loaded={loaded}>
        {(page) => (
          <>
            <DataTable
              caption="Streams by name"
              rows={page.rows}
              keyOf={({ name }) => name}
              empty="There are no such streams."
              columns={[
                {
                  title: 'Stream',
                  cell: ({ name }) => <a href={link(['streams', name])}>{visibleLine(name)}</a>,
                },
                { title: 'Subjects', cell: ({ subjects }) => visibleLine(subjects.join(', ')) },
                { title: 'Messages', isNumber: true, cell: ({ messages }) => count(messages) },
                { title: 'Size', isNumber: true, cell: (row) => bytes(row.bytes) },
                { title: 'Consumers', isNumber: true, cell: ({ consumers }) => count(consumers) },
                {
                  title: 'Last message',
                  cell: ({ lastTime }) => (lastTime === undefined ? '–' : <When time={lastTime} />),
                },
                { title: 'Storage', cell: ({ storage }) => visibleLine(storage) },
                { title: 'Retention', cell: ({ retention }) => visibleLine(retention) },
                { title: 'Replicas', isNumber: true, cell: ({ replicas }) => count(replicas) },
              ]}
            />
            <Pager
              of="streams"
              page={page}
              isFirst={after === undefined}
              linkTo={(next) => link(['streams'], { search, after: next })}
            />
          </>
        )}
      </Content>
    </Screen>
  );
}
