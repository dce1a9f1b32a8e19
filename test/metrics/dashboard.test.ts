import { readFile } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JetStreamService, JsConsumer, KeyValueService, KvWatch } from 'nestjs-nats-jetstream';
import { JetStreamMetricsModule } from 'nestjs-nats-jetstream/metrics';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { Scrape } from './scrape.js';

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly definition?: string;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

interface Dashboard {
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
}

const file = new URL('../../docs/grafana/jetstream.json', import.meta.url);
const dashboard = JSON.parse(await readFile(file, 'utf8')) as Dashboard;
const charts = dashboard.panels.filter(({ type }) => type !== 'row');
const queries = [
  ...charts.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ where: title, expr }))),
  ...dashboard.templating.list.flatMap(({ name, definition }) =>
    definition === undefined ? [] : [{ where: `variable ${name}`, expr: definition }],
  ),
];

let server: NatsTestServer;
let scrape: Scrape;

beforeAll(async () => {
  server = await NatsTestServer.start();
  scrape = await scrapeOfBusyApplication();
});
afterAll(() => server.stop());

/** A scrape of an application in which everything happens that has a metric. */
async function scrapeOfBusyApplication(): Promise<Scrape> {
  const registry = new Registry();
  @Injectable()
  class Tasks {
    @JsConsumer({
      stream: 'TASKS',
      durable: 'worker',
      deadLetter: true,
      retry: { maxDeliver: 2, backoff: [1] },
    })
    onTask(@Payload() id: number): void {
      if (id === 1) throw new Error('fails');
    }

    @KvWatch('settings')
    onSetting(): void {}
  }
  await using application = await startApplication(server.url, {
    imports: [JetStreamMetricsModule.forRoot({ registry, server: 'every' })],
    feature: {
      streams: [{ name: 'TASKS', subjects: ['tasks'], storage: 'memory' }],
      keyValues: [{ bucket: 'settings', storage: 'memory' }],
    },
    providers: [Tasks],
  });
  const jetstream = application.app.get(JetStreamService);
  for (let id = 1; id <= 5; id++) await jetstream.publish('tasks', id);
  const settings = await application.app.get(KeyValueService).open('settings');
  await settings.put('a', 1);
  await using _ = await settings.cached();
  const consumer = await jetstream.consumer('TASKS', 'worker');
  await eventually(
    () => consumer.info(),
    ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
  );
  return await Scrape.of(registry);
}

/** The selectors of an expression: a metric, and the labels and values that it is restricted to. */
function selectors(
  expr: string,
): { metric: string; matchers: [label: string, operator: string, value: string][] }[] {
  return [...expr.matchAll(/\b(nats_\w+)(?:\{([^}]*)\})?/g)].map(([, metric = '', list = '']) => ({
    metric,
    matchers: [...list.matchAll(/(\w+)\s*(=~|!=|=)\s*"([^"]*)"/g)].map(
      ([, label = '', operator = '', value = '']) => [label, operator, value],
    ),
  }));
}

/** The labels that an expression groups by, or that a variable lists. */
function groupings(expr: string): string[] {
  const by = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map((each) => each.trim()),
  );
  const listed = [...expr.matchAll(/^label_values\(.*, (\w+)\)$/g)].map(([, label = '']) => label);
  return [...by, ...listed];
}

/** The labels of a metric in the scrape, with their values; `undefined` if it has no sample. */
function labelsOf(metric: string): ReadonlyMap<string, ReadonlySet<string>> | undefined {
  const samples = scrape.samples(metric);
  if (samples.length === 0) return undefined;
  const labels = new Map<string, Set<string>>();
  for (const { labels: given = {} } of samples) {
    for (const [label, value] of Object.entries(given))
      labels.set(label, (labels.get(label) ?? new Set()).add(value));
  }
  return labels;
}

/** Whether one of the values has been in the scrape. Variables stand for any value. */
function matches(values: ReadonlySet<string> | undefined, operator: string, value: string): boolean {
  if (operator !== '=~') return values?.has(value) === true;
  return value.startsWith('$') || [...(values ?? [])].some((each) => new RegExp(`^(${value})$`).test(each));
}

describe('the dashboard', () => {
  it('has a variable for the data source, applications, connections and handlers', () => {
    const variables = dashboard.templating.list.map(({ name }) => name);
    expect(variables).toEqual(['datasource', 'application', 'connection', 'handler']);
  });

  it('has panels with different ids that do not overlap', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)}:${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });

  it.each(queries)('$where: $expr', ({ expr }) => {
    const found = selectors(expr);
    expect(found.length).toBeGreaterThan(0);
    const missing = found.flatMap(({ metric, matchers }) => {
      const labels = labelsOf(metric);
      if (labels === undefined) return [metric];
      const unknown = [...groupings(expr), ...matchers.map(([label]) => label)].filter(
        (label) => !labels.has(label),
      );
      const unmatched = matchers.filter(
        ([label, operator, value]) => !matches(labels.get(label), operator, value),
      );
      return [...unknown, ...unmatched];
    });
    expect(missing).toEqual([]);
  });

  it.each(charts)('the legend of $title only names labels of its query', ({ targets = [] }) => {
    for (const { expr, legendFormat } of targets) {
      const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
      expect(groupings(expr)).toEqual(expect.arrayContaining(named));
    }
  });

  it('shows every metric, except some of the state on the server', () => {
    const shown = new Set(
      queries.flatMap(({ expr }) => selectors(expr)).map(({ metric }) => metric.replace(/_bucket$/, '')),
    );
    const missing = scrape.names.filter((name) => name.startsWith('nats_jetstream_') && !shown.has(name));
    expect(missing).toEqual([]);
  });
});
