import type { JSX } from 'preact';
import { type ChartArea, chartPath, roundMost } from '../figures/chart-path.js';
import { count, duration } from '../text/format.js';

const WIDTH = 600;
const HEIGHT = 120;

/** A line of a chart. */
export interface ChartLine {
  readonly title: string;
  /** Its class in the style sheet. */
  readonly kind: 'normal' | 'bad';
  readonly values: readonly (number | undefined)[];
}

/** A small chart over time. It is a picture; `label` describes its newest values. */
export function Chart({
  label,
  times,
  lines,
}: {
  readonly label: string;
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly lines: readonly ChartLine[];
}): JSX.Element {
  const [from = 0] = times;
  const to = times.at(-1) ?? from;
  const most = roundMost(lines.flatMap(({ values }) => values));
  const area: ChartArea = { width: WIDTH, height: HEIGHT, from, to, most };
  return (
    <figure class="chart">
      <p class="quiet">{count(most)}</p>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
        {[0, HEIGHT / 2, HEIGHT].map((y) => (
          <path key={y} class="grid" d={`M0 ${y}H${WIDTH}`} />
        ))}
        {lines.map(({ kind, title, values }) => (
          <path key={title} class={`line ${kind}`} d={chartPath(times, values, area)} />
        ))}
      </svg>
      <p class="quiet ends">
        <span>{to > from ? `${duration((to - from) * 1_000)} ago` : ''}</span>
        <span>now</span>
      </p>
      <figcaption>
        {lines.map(({ kind, title }) => (
          <span key={title} class={`key ${kind}`}>
            {title}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
