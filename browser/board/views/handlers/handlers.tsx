import type { JSX } from 'preact';
import type { HandlerRow } from '../../../../lib/board/model/index.js';
import { statusesOf, sumOf } from '../../figures/handler-figures.js';
import { keyOf, lagOf } from '../../figures/rates.js';
import { DataTable } from '../../parts/data-table.js';
import { Screen } from '../../parts/screen.js';
import { StateBadge } from '../../parts/state-badge.js';
import { useFeed, useLink } from '../../state/board.js';
import { count, counted, rate } from '../../text/format.js';
import { visibleLine } from '../../text/visible.js';
import { HandlerCommands } from './handler-commands.js';

/** All handlers of all instances, live. */
export function Handlers(): JSX.Element {
  const { handlers, rates } = useFeed();
  const link = useLink();
  const figure = (value: number | undefined): string => (value === undefined ? '–' : count(value));
  return (
    <Screen title="Handlers">
      {handlers === undefined ? (
        <p class="quiet">Loading …</p>
      ) : (
        <>
          <DataTable
            caption="Handlers of all instances"
            rows={handlers.rows}
            keyOf={keyOf}
            empty="There are no handlers."
            columns={[
              {
                title: 'Handler',
                cell: (row) => <a href={link(...handlerAddress(row))}>{visibleLine(row.handler)}</a>,
              },
              { title: 'State', cell: (row) => <Statuses row={row} /> },
              { title: 'Source', cell: (row) => visibleLine(row.source) },
              { title: 'Service', cell: (row) => visibleLine(row.service ?? '–') },
              { title: 'Instances', isNumber: true, cell: (row) => count(row.instances.length) },
              { title: 'Per second', isNumber: true, cell: (row) => rate(rates.of(row)?.requests) },
              { title: 'Lag', isNumber: true, cell: (row) => figure(lagOf(row)) },
              {
                title: 'In flight',
                isNumber: true,
                cell: (row) => figure(sumOf(row, ({ inFlight }) => inFlight)),
              },
              { title: 'Errors', isNumber: true, cell: (row) => figure(sumOf(row, ({ errors }) => errors)) },
              { title: 'Errors per second', isNumber: true, cell: (row) => rate(rates.of(row)?.errors) },
              { title: 'Commands', cell: (row) => <HandlerCommands row={row} /> },
            ]}
          />
          <Skipped count={handlers.skipped} />
        </>
      )}
    </Screen>
  );
}

/** The states of a handler's instances. */
export function Statuses({ row }: { readonly row: HandlerRow }): JSX.Element {
  return (
    <span class="badges">
      {statusesOf(row).map(([status, number]) => (
        <StateBadge key={status} state={visibleLine(status)} count={number} />
      ))}
    </span>
  );
}

/** How many answers of instances are missing in a view. */
export function Skipped({ count: skipped }: { readonly count: number }): JSX.Element | null {
  return skipped === 0 ? null : (
    <p class="quiet">{counted(skipped, 'answer')} of instances could not be read and are not shown.</p>
  );
}

/** The route of a handler. */
export function handlerAddress({
  handler,
  service,
  form,
  source,
  consumer,
}: HandlerRow): [path: string[], query: Record<string, string | undefined>] {
  return [['handlers', handler], { service, form, source, consumer }];
}
