import type { JSX } from 'preact';
import { DataTable } from '../parts/data-table.js';
import { Content, Screen } from '../parts/screen.js';
import { When } from '../parts/when.js';
import { useBoard } from '../state/board.js';
import { useView } from '../state/use-view.js';
import { count } from '../text/format.js';
import { visibleLine } from '../text/visible.js';
import { Skipped } from './handlers/handlers.js';

const REFRESH = 5_000;

/** The running instances of all services. */
export function Instances(): JSX.Element {
  const { connection } = useBoard();
  const loaded = useView('instances', { connection }, REFRESH);
  return (
    <Screen title="Instances">
      <Content loaded={loaded}>
        {({ rows, skipped }) => (
          <>
            <DataTable
              caption="Running instances of services"
              rows={rows}
              keyOf={({ id, service }) => `${service} ${id}`}
              empty="No service answers. Applications with the option discovery are services."
              columns={[
                {
                  title: 'Instance',
                  cell: ({ id, isSelf }) => `${visibleLine(id)}${isSelf ? ' (this one)' : ''}`,
                },
                { title: 'Service', cell: ({ service }) => visibleLine(service) },
                { title: 'Version', cell: ({ version }) => visibleLine(version) },
                { title: 'Started', cell: ({ startedAt }) => <When time={startedAt} /> },
                { title: 'Endpoints', isNumber: true, cell: ({ endpoints }) => count(endpoints) },
                { title: 'Deliveries', isNumber: true, cell: ({ requests }) => count(requests) },
                { title: 'Errors', isNumber: true, cell: ({ errors }) => count(errors) },
                {
                  title: 'Metadata',
                  cell: ({ metadata }) =>
                    visibleLine(
                      Object.entries(metadata)
                        .map(([name, value]) => `${name}: ${value}`)
                        .join(', '),
                      300,
                    ),
                },
              ]}
            />
            <Skipped count={skipped} />
          </>
        )}
      </Content>
    </Screen>
  );
}
