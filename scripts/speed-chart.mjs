#!/usr/bin/env node
// Draws docs/speed.svg, the chart of the README, from the figures in docs/speed.json. `--stdout` prints it instead.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, View } from 'vega';
import { compile } from 'vega-lite';

const docs = join(dirname(fileURLToPath(import.meta.url)), '../docs');
const { title, subtitle, groups } = JSON.parse(readFileSync(join(docs, 'speed.json'), 'utf8'));
const OURS = 'nestjs-nats-jetstream';

/** One bar chart for each group, since a rate of requests is not comparable with a rate of messages. */
const specification = {
  title: { text: title, subtitle, anchor: 'start', frame: 'group', offset: 12 },
  background: 'white',
  padding: 12,
  spacing: 14,
  vconcat: groups.map(({ name, rates }) => ({
    title: { text: name, anchor: 'start', frame: 'group', fontSize: 12, offset: 4 },
    width: 440,
    height: { step: 20 },
    data: { values: Object.entries(rates).map(([library, rate]) => ({ library, rate })) },
    encoding: {
      y: {
        field: 'library',
        type: 'nominal',
        sort: null,
        title: null,
        axis: { domain: false, ticks: false, minExtent: 150 },
      },
      x: { field: 'rate', type: 'quantitative', axis: null },
    },
    layer: [
      {
        mark: { type: 'bar', height: 14 },
        encoding: {
          color: { condition: { test: `datum.library === '${OURS}'`, value: '#27aae1' }, value: '#b8bfc6' },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 4 },
        encoding: { text: { field: 'rate', type: 'quantitative', format: ',' } },
      },
    ],
  })),
  config: { font: 'sans-serif', view: { stroke: null } },
};

const svg = `${await new View(parse(compile(specification).spec), { renderer: 'none' }).toSVG()}\n`;
if (process.argv.includes('--stdout')) process.stdout.write(svg);
else writeFileSync(join(docs, 'speed.svg'), svg);
