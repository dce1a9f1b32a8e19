import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { InvalidArgumentError, JetStreamModule, JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import {
  JetStreamMetrics,
  JetStreamMetricsModule,
  type JetStreamMetricsModuleOptions,
  jetStreamPrometheusMetrics,
} from 'nestjs-nats-jetstream/metrics';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Counter, Gauge, register, Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { Scrape } from './scrape.js';

const DELIVERIES = 'nats_jetstream_deliveries_total';

@Injectable()
class Tasks {
  @JsConsumer({ stream: 'TASKS', durable: 'worker' })
  onTask(): void {}
}

let server: NatsTestServer;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

function start(options: JetStreamMetricsModuleOptions): Promise<TestApplication> {
  return startApplication(server.url, {
    imports: [JetStreamMetricsModule.forRoot({ server: 'off', ...options })],
    feature: { streams: [{ name: 'TASKS', subjects: ['tasks'], storage: 'memory' }] },
    providers: [Tasks],
  });
}

describe('the registry', () => {
  it('is the global one of prom-client by default, and has nothing of ours after the application has closed', async () => {
    const application = await start({});
    expect(application.app.get(JetStreamMetrics).registry).toBe(register);
    expect(register.getSingleMetric(DELIVERIES)).toBeDefined();
    await application.app.close();
    expect(register.getMetricsAsArray()).toEqual([]);
  });

  it('keeps the series of several applications apart, and closing one removes only its own', async () => {
    const registry = new Registry();
    const first = await start({ registry, application: 'orders' });
    const second = await start({ registry, application: 'billing' });
    const both = await Scrape.of(registry);
    expect(both.labels.get('application')).toEqual(new Set(['orders', 'billing']));
    await first.app.close();
    const one = await Scrape.of(registry);
    expect(one.labels.get('application')).toEqual(new Set(['billing']));
    expect(one.samples(DELIVERIES).length).toBeGreaterThan(0);
    await second.app.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  it('distinguishes applications of the same name with a number', async () => {
    const registry = new Registry();
    await using first = await start({ registry });
    await using second = await start({ registry });
    expect(first.app.get(JetStreamMetrics).application).toBe('default');
    expect(second.app.get(JetStreamMetrics).application).toBe('default-2');
    const scrape = await Scrape.of(registry);
    const series = scrape.text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const names = series.map((line) => line.slice(0, line.lastIndexOf(' ')));
    expect(new Set(names).size).toBe(names.length);
  });

  it('counts once if the module is imported twice', async () => {
    const registry = new Registry();
    await using application = await startApplication(server.url, {
      imports: [
        JetStreamMetricsModule.forRoot({ registry, server: 'off', application: 'a' }),
        JetStreamMetricsModule.forRoot({ registry, server: 'off', application: 'b' }),
      ],
      feature: { streams: [{ name: 'TASKS', subjects: ['tasks'], storage: 'memory' }] },
      providers: [Tasks],
    });
    expect(application.logs.of('warn', 'JetStreamMetrics')).toEqual([
      expect.stringContaining('is imported twice with the same registry'),
    ]);
    const before = (await Scrape.of(registry)).sum(DELIVERIES);
    await application.app.get(JetStreamService).publish('tasks', 1);
    await eventually(
      async () => (await Scrape.of(registry)).sum(DELIVERIES),
      (sum) => sum > before,
    );
    const scrape = await Scrape.of(registry);
    expect(scrape.sum(DELIVERIES)).toBe(before + 1);
    expect(scrape.labels.get('application')).toEqual(new Set(['a']));
  });

  it('leaves out a metric whose name is taken, and keeps the other one', async () => {
    const registry = new Registry();
    const own = new Counter({ name: DELIVERIES, help: 'of the application', registers: [registry] });
    const application = await start({ registry });
    expect(application.logs.of('warn', 'JetStreamMetrics')).toEqual([
      `The metric ${DELIVERIES} is not available, because the registry has another metric with this name. ` +
        'Set the option prefix to a different prefix.',
    ]);
    expect((await Scrape.of(registry)).names).toContain('nats_jetstream_operations_total');
    await application.app.close();
    expect(registry.getMetricsAsArray()).toEqual([own]);
  });

  it('says what to do if the name of a metric of the server is taken', async () => {
    const registry = new Registry();
    const name = 'nats_stream_total_messages';
    const own = new Gauge({ name, help: 'of an exporter', registers: [registry] });
    const application = await start({ registry, server: 'every' });
    expect(application.logs.of('warn', 'JetStreamMetrics')).toEqual([
      `The metric ${name} is not available, because the registry has another metric with this name. ` +
        "Set the option server to 'off', or the option registry to another registry.",
    ]);
    await application.app.close();
    expect(registry.getMetricsAsArray()).toEqual([own]);
  });

  it('names metrics with the prefix', async () => {
    const registry = new Registry();
    await using _ = await start({ registry, prefix: 'shop_' });
    const ours = (await Scrape.of(registry)).names.filter((name) => name !== '');
    expect(ours.length).toBeGreaterThan(5);
    expect(ours.filter((name) => !name.startsWith('shop_'))).toEqual([]);
  });

  it('works with the OpenMetrics format', async () => {
    const registry = new Registry<'application/openmetrics-text; version=1.0.0; charset=utf-8'>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const application = await start({ registry });
    for (let scrape = 0; scrape < 2; scrape++) {
      const text = await registry.metrics();
      expect(text).toContain('# TYPE nats_jetstream_deliveries counter');
      expect(text).toMatch(/^nats_jetstream_deliveries_total\{.*\} 0$/m);
      expect(text.endsWith('# EOF\n')).toBe(true);
    }
    await application.app.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  it('sets counters to zero when its metrics are reset', async () => {
    const registry = new Registry();
    await using application = await start({ registry });
    await application.app.get(JetStreamService).publish('tasks', 1);
    await eventually(
      async () => (await Scrape.of(registry)).sum(DELIVERIES),
      (sum) => sum > 0,
    );
    registry.resetMetrics();
    const scrape = await Scrape.of(registry);
    expect(scrape.sum(DELIVERIES)).toBe(0);
    expect(scrape.sum('nats_jetstream_process_duration_seconds')).toBe(0);
    expect(scrape.sum('nats_jetstream_operations_total')).toBe(0);
  });

  it('does not break the startup, a message or the shutdown if it is broken', async () => {
    class Broken extends Registry {
      override registerMetric(): never {
        throw new Error('cannot register');
      }

      override removeSingleMetric(): never {
        throw new Error('cannot remove');
      }
    }
    const application = await start({ registry: new Broken() });
    await application.app.get(JetStreamService).publish('tasks', 1);
    await application.app.close();
    expect(application.logs.of('error', 'JetStreamMetrics')[0]).toBe(
      `The metric ${DELIVERIES} could not be registered, and is not available: cannot register`,
    );
  });

  it('has the metrics of an instrument without the module until it is closed', async () => {
    const registry = new Registry();
    const other = new Gauge({ name: 'other', help: 'of the application', registers: [registry] });
    const metrics = jetStreamPrometheusMetrics({ registry, application: 'service' });
    expect(registry.getSingleMetric(DELIVERIES)).toBeDefined();
    metrics.close();
    metrics.close();
    expect(registry.getMetricsAsArray()).toEqual([other]);
  });
});

describe('options', () => {
  it.each([
    [{ prefix: '9 lives' }, 'prefix'],
    [{ application: '' }, 'application'],
    [{ server: 'sometimes' }, 'server'],
    [{ leaderBucket: 'a.b' }, 'leaderBucket'],
    [{ registry: {} }, 'registry'],
    [{ buckets: { process: [1, 1] } }, 'buckets.process'],
    [{ buckets: { delay: [0] } }, 'buckets.delay'],
    [{ buckets: { operation: [] } }, 'buckets.operation'],
    [{ endpoint: '' }, 'endpoint'],
    [{ endpoint: '/a:b*' }, 'endpoint'],
    [{ endpoint: '/m?x=1' }, 'endpoint'],
    [{ endpoint: '/{metrics}' }, 'endpoint'],
    [{ endpoint: '//' }, 'endpoint'],
    [{ endpoint: 'a b' }, 'endpoint'],
    [{ endpoint: 7 }, 'endpoint'],
    [{ endpont: '/metrics' }, 'endpoint'],
  ])('%j are refused', (options, named) => {
    const register_ = (): unknown => JetStreamMetricsModule.forRoot(options as JetStreamMetricsModuleOptions);
    expect(register_).toThrow(InvalidArgumentError);
    expect(register_).toThrow(named);
  });

  it('of a factory are refused when the application starts', async () => {
    const starting = Test.createTestingModule({
      imports: [
        JetStreamModule.forRoot({ connection: { servers: server.url } }),
        JetStreamMetricsModule.forRootAsync({
          useFactory: () => ({ prefix: '' }),
        }),
      ],
    })
      .setLogger(new LogRecorder())
      .compile();
    await expect(starting).rejects.toThrow(InvalidArgumentError);
  });

  it('can be created by a factory', async () => {
    const registry = new Registry();
    await using application = await startApplication(server.url, {
      imports: [
        JetStreamMetricsModule.forRootAsync({
          inject: [JetStreamService],
          useFactory: async ({ connection }: JetStreamService) =>
            Promise.resolve({ registry, application: connection.name, server: 'off' as const }),
        }),
      ],
    });
    expect(application.app.get(JetStreamMetrics).application).toBe('default');
    expect((await Scrape.of(registry)).sum('nats_jetstream_connection_state')).toBe(1);
  });
});
