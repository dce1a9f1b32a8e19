import type { JSX } from 'preact';
import type { RatePoint } from '../../figures/rates.js';
import { Chart } from '../../parts/chart.js';
import { count, rate } from '../../text/format.js';

/** The rates and the lag of a handler since the page was opened. */
export function HandlerCharts({ points }: { readonly points: readonly RatePoint[] }): JSX.Element {
  const last = points.at(-1);
  if (last === undefined) return <p class="quiet">The charts begin with the next figures.</p>;
  const times = points.map(({ at }) => at);
  const hasLag = points.some(({ lag }) => lag !== undefined);
  return (
    <section class="charts">
      <h2>Last minutes</h2>
      <Chart
        label={`Deliveries per second, now ${rate(last.requests)}, of which ${rate(last.errors)} failed`}
        times={times}
        lines={[
          {
            title: 'Deliveries per second',
            kind: 'normal',
            values: points.map(({ requests }) => requests),
          },
          { title: 'Errors per second', kind: 'bad', values: points.map(({ errors }) => errors) },
        ]}
      />
      {hasLag && (
        <Chart
          label={`Lag, now ${last.lag === undefined ? 'unknown' : count(last.lag)}`}
          times={times}
          lines={[{ title: 'Lag', kind: 'normal', values: points.map(({ lag }) => lag) }]}
        />
      )}
    </section>
  );
}
