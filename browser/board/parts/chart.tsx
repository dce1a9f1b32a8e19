import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';

const HEIGHT = 160;

/** A line of a chart, drawn in the color of a property of the style sheet. */
export interface ChartLine {
  readonly title: string;
  readonly color: '--accent' | '--bad';
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
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scheme = useScheme();
  const data: uPlot.AlignedData = [
    [...times],
    ...lines.map(({ values }) => values.map((value) => value ?? null)),
  ];
  useEffect(() => {
    const { current } = place;
    if (current === null) return undefined;
    const created = new uPlot(optionsFor(current, lines), data, current);
    plot.current = created;
    const observer = new ResizeObserver(() => created.setSize({ width: widthOf(current), height: HEIGHT }));
    observer.observe(current);
    return () => {
      observer.disconnect();
      plot.current = null;
      created.destroy();
    };
  }, [scheme]);
  useEffect(() => plot.current?.setData(data), [times.at(-1), times.length]);
  return (
    <figure class="chart">
      <div ref={place} role="img" aria-label={label} />
      <figcaption>
        {lines.map(({ title, color }) => (
          <span key={title} class={`key ${color.slice(2)}`}>
            {title}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

/** Changes when the browser changes between dark and light, because the colors of a picture are fixed. */
function useScheme(): boolean {
  const [dark] = useState(() => matchMedia('(prefers-color-scheme: dark)'));
  const [isDark, setDark] = useState(dark.matches);
  useEffect(() => {
    const follow = (): void => setDark(dark.matches);
    dark.addEventListener('change', follow);
    return () => dark.removeEventListener('change', follow);
  }, [dark]);
  return isDark;
}

function optionsFor(place: Element, lines: readonly ChartLine[]): uPlot.Options {
  const style = getComputedStyle(place);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: color('--quiet'),
    grid: { stroke: color('--faint'), width: 1 },
    ticks: { stroke: color('--faint'), width: 1 },
  };
  return {
    width: widthOf(place),
    height: HEIGHT,
    cursor: { show: false },
    legend: { show: false },
    scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [axis, { ...axis, size: 60 }],
    series: [
      {},
      ...lines.map(({ title, color: stroke }) => ({
        label: title,
        stroke: color(stroke),
        width: 2,
        points: { show: false },
      })),
    ],
  };
}

function widthOf(place: Element): number {
  return Math.max(200, place.clientWidth);
}
