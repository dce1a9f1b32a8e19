import type { JSX } from 'preact';
import { Configuration } from '../../parts/configuration.js';
import { DataTable } from '../../parts/data-table.js';
import { Pager } from '../../parts/pager.js';
import { Content } from '../../parts/screen.js';
import { StateBadge } from '../../parts/state-badge.js';
import { When } from '../../parts/when.js';
import { useBoard, useLink } from '../../state/board.js';
import { useView } from '../../state/use-view.js';
import { count } from '../../text/format.js';
import { visibleLine } from '../../text/visible.js';
import { ConsumerCommands } from './consumer-commands.js';

const REFRESH = 5_000;

/** The consumers of a stream. */
export function Consumers({
  stream,
  after,
}: {
  readonly stream: string;
  readonly after: string | undefined;
}): JSX.Element {
  const { connection } = useBoard();
  const link = useLink();
  const loaded = useView('consumers', { connection, stream, after, limit: undefined }, REFRESH);
  return (
    <section>
      <h2>Consumers</h2>
      <Content loaded={loaded}>
        {(page) => (
          <>
            <DataTable
              caption={`Consumers of ${visibleLine(stream)}`}
              rows={page.rows}
              keyOf={({ name }) => name}
              empty="The stream has no consumers."
              columns={[
                { title: 'Consumer', cell: ({ name }) => visibleLine(name) },
                {
                  title: 'State',
                  cell: ({ pausedUntil }) =>
                    pausedUntil === undefined ? (
                      <StateBadge state="running" />
                    ) : (
                      <>
                        <StateBadge state="paused" /> until <When time={pausedUntil} />
                      </>
                    ),
                },
                { title: 'Kind', cell: ({ isPush }) => (isPush ? 'push' : 'pull') },
                {
                  title: 'Filters',
                  cell: ({ filters }) => visibleLine(filters.join(', ') || 'all subjects'),
                },
                { title: 'Lag', isNumber: true, cell: ({ pending }) => count(pending) },
                { title: 'Not acknowledged', isNumber: true, cell: ({ ackPending }) => count(ackPending) },
                { title: 'Redelivered', isNumber: true, cell: ({ redelivered }) => count(redelivered) },
                { title: 'Waiting pulls', isNumber: true, cell: ({ waiting }) => count(waiting) },
                {
                  title: 'Delivered',
                  isNumber: true,
                  cell: ({ deliveredSequence }) => String(deliveredSequence),
                },
                { title: 'Ack floor', isNumber: true, cell: ({ ackFloor }) => String(ackFloor) },
                { title: 'Details', cell: ({ config }) => <Configuration config={config} /> },
                {
                  title: 'Commands',
                  cell: (consumer) => <ConsumerCommands consumer={consumer} after={loaded.reload} />,
                },
              ]}
            />
            <Pager
              of="consumers"
              page={page}
              isFirst={after === undefined}
              linkTo={(next) => link(['streams', stream], { after: next })}
            />
          </>
        )}
      </Content>
    </section>
  );
}
