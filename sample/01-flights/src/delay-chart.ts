import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { type AirportSummary, BUSY } from './flight-report.js';

/** Draws the worst airports as a bar chart. */
export function drawDelays(airports: readonly AirportSummary[]): Promise<string> {
  const specification: TopLevelSpec = {
    title: {
      text: 'Where flights were late',
      anchor: 'start',
      frame: 'group',
      subtitle: `Mean delay by airport of departure (${BUSY} departures or more)`,
    },
    background: 'white',
    data: { values: [...airports] },
    width: 560,
    height: { step: 26 },
    encoding: {
      y: { field: 'airport', type: 'nominal', sort: null, title: null },
      x: { field: 'meanDelay', type: 'quantitative', title: 'Mean delay in minutes' },
    },
    layer: [
      { mark: { type: 'bar', color: '#27aae1' } },
      {
        mark: { type: 'text', align: 'left', dx: 4 },
        encoding: { text: { field: 'meanDelay', type: 'quantitative', format: '.1f' } },
      },
    ],
    config: { font: 'sans-serif', view: { stroke: null } },
  };
  return new View(parse(compile(specification).spec), { renderer: 'none' }).toSVG();
}
