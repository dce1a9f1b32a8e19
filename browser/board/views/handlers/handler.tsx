import type { JSX } from 'preact';
import { lastErrorOf, outcomesOf, statusOf, sumOf } from '../../figures/handler-figures.js';
import { lagOf } from '../../figures/rates.js';
import { DataTable } from '../../parts/data-table.js';
import { Facts } from '../../parts/facts.js';
import { Screen } from '../../parts/screen.js';
import { StateBadge } from '../../parts/state-badge.js';
import { TextBlock } from '../../parts/text-block.js';
import { useFeed, useLink } from '../../state/board.js';
import type { Route } from '../../state/route.js';
import { count, duration, rate } from '../../text/format.js';
import { visibleLine } from '../../text/visible.js';
import { HandlerCharts } from './handler-charts.js';
import { HandlerCommands } from './handler-commands.js';
import { Statuses } from './handlers.js';

/** A handler with its instances, outcomes and charts. */
export function Handler({ route: { path, query } }: { readonly route: Route }): JSX.Element {
  const { handlers, rates } = useFeed();
  const link = useLink();
  const [, name = ''] = path;
  const row = handlers?.rows.find(
    (each) =>
      each.handler === name &&
      (['service', 'form', 'source', 'consumer'] as const).every(
        (member) => query[member] === undefined || query[member] === each[member],
      ),
  );
  const up = { title: 'Handlers', href: link(['handlers']) };
  if (row === undefined)
    return (
      <Screen title={name} up={up}>
        <p class="quiet">{handlers === undefined ? 'Loading …' : 'No instance has this handler now.'}</p>
      </Screen>
    );
  const { consumer, form, service, source } = row;
  const now = rates.of(row);
  const lastError = lastErrorOf(row);
  const optional = (value: number | undefined, text: (value: number) => string = count): string =>
    value === undefined ? '–' : text(value);
  return (
    <Screen title={name} up={up}>
      <Facts
        facts={[
          ['State', <Statuses row={row} />],
          ['Service', service === undefined ? undefined : visibleLine(service)],
          ['Kind', visibleLine(form)],
          [
            'Source',
            consumer === undefined ? (
              visibleLine(source)
            ) : (
              <a href={link(['streams', source])}>{visibleLine(source)}</a>
            ),
          ],
          ['Consumer', consumer === undefined ? undefined : visibleLine(consumer)],
          ['Per second', rate(now?.requests)],
          ['Errors per second', rate(now?.errors)],
          ['Mean time', now?.time === undefined ? undefined : duration(now.time)],
          ['Lag', optional(lagOf(row))],
          ['In flight', optional(sumOf(row, ({ inFlight }) => inFlight))],
          ['Buffered', optional(sumOf(row, ({ buffered }) => buffered))],
          [
            'Dead letters',
            <a href={link(['dead-letters'], { handler: name })}>Dead letters of this handler</a>,
          ],
        ]}
      />
      <p>
        <HandlerCommands row={row} />
      </p>
      <HandlerCharts points={rates.pointsOf(row)} />
      <DataTable
        caption="Instances"
        rows={row.instances}
        keyOf={({ id }) => id}
        empty="No instance runs it."
        columns={[
          { title: 'Instance', cell: ({ id, isSelf }) => `${visibleLine(id)}${isSelf ? ' (this one)' : ''}` },
          { title: 'State', cell: (each) => <StateBadge state={visibleLine(statusOf(each))} /> },
          { title: 'For', cell: ({ statusAge }) => optional(statusAge, duration) },
          { title: 'Per second', isNumber: true, cell: ({ id }) => rate(rates.of(row, id)?.requests) },
          { title: 'In flight', isNumber: true, cell: ({ inFlight }) => optional(inFlight) },
          { title: 'Buffered', isNumber: true, cell: ({ buffered }) => optional(buffered) },
          { title: 'Oldest', isNumber: true, cell: ({ oldest }) => optional(oldest, duration) },
          { title: 'Deliveries', isNumber: true, cell: ({ requests }) => count(requests) },
          { title: 'Errors', isNumber: true, cell: ({ errors }) => count(errors) },
          { title: 'Commands', cell: (instance) => <HandlerCommands row={row} instance={instance} /> },
        ]}
      />
      <DataTable
        caption="Outcomes of deliveries since the start"
        rows={outcomesOf(row)}
        keyOf={([outcome]) => outcome}
        empty="No outcomes yet."
        columns={[
          { title: 'Outcome', cell: ([outcome]) => visibleLine(outcome) },
          { title: 'Deliveries', isNumber: true, cell: ([, number]) => count(number) },
        ]}
      />
      {lastError !== '' && (
        <section>
          <h2>Last error</h2>
          <TextBlock label="Last error" text={lastError} />
        </section>
      )}
    </Screen>
  );
}
