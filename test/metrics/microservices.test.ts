import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { JetStreamModule, JetStreamService } from 'nestjs-nats-jetstream';
import { JetStreamMetrics, JetStreamMetricsModule } from 'nestjs-nats-jetstream/metrics';
import { type EventExtras, JetStreamServer, type RequestExtras } from 'nestjs-nats-jetstream/microservice';
import { JetStreamOtelModule } from 'nestjs-nats-jetstream/otel';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { Measured } from '../otel/measured.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { Scrape } from './scrape.js';

const EVENT = "@EventPattern('work.event')";
const REQUEST = "@MessagePattern('work.request')";

it.each(['shared', 'own'])(
  'shows what the patterns of a server do now, with its %s connection',
  async (connection) => {
    await using nats = await NatsTestServer.start();
    let release = (): void => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    @Controller()
    class Work {
      @EventPattern('work.event', { concurrency: 1 } satisfies EventExtras)
      event(@Payload() _: unknown): Promise<void> {
        return released;
      }

      @MessagePattern('work.request', { mode: 'jetstream' } satisfies RequestExtras)
      request(@Payload() _: unknown): void {}
    }
    const registry = new Registry();
    const measured = new Measured();
    const module = await Test.createTestingModule({
      imports: [
        JetStreamModule.forRoot({ connection: { servers: nats.url } }),
        JetStreamMetricsModule.forRoot({ registry, server: 'every' }),
        JetStreamOtelModule.forRoot({ tracing: false, metrics: { meterProvider: measured.meterProvider } }),
      ],
      controllers: [Work],
    })
      .setLogger(new LogRecorder())
      .compile();
    const app = module.createNestApplication();
    const jetstream = app.get(JetStreamService);
    app.connectMicroservice({
      strategy: new JetStreamServer({
        name: 'worker',
        streams: [{ name: 'WORK', subjects: ['work.*'], storage: 'memory' }],
        ...(connection === 'shared'
          ? { connection: jetstream }
          : { connection: { servers: nats.url }, instruments: [app.get(JetStreamMetrics)] }),
      }),
    });
    await app.startAllMicroservices();
    await app.init();
    for (let id = 0; id < 3; id++) await jetstream.publish('work.event', { pattern: 'work.event', data: id });

    const name = connection === 'shared' ? 'default' : 'worker';
    const labels = { connection: name, source: 'WORK' };
    const event = { ...labels, handler: EVENT, consumer: 'worker_work-event' };
    const scrape = await eventually(
      () => Scrape.of(registry),
      (each) => each.sum('nats_jetstream_handler_active', event) === 1,
    );
    expect(scrape.samples('nats_jetstream_handler_buffered', event)).toHaveLength(1);
    expect(scrape.by('state', 'nats_jetstream_handler_state', event)).toEqual({ running: 1 });
    const request = { ...labels, handler: REQUEST, consumer: 'worker_work-request' };
    expect(scrape.by('state', 'nats_jetstream_handler_state', request)).toEqual({ running: 1 });
    // The state on the server is read over connections of modules.
    const ofConsumer = scrape.samples('nats_consumer_num_pending', { consumer_name: 'worker_work-event' });
    expect(ofConsumer).toHaveLength(connection === 'shared' ? 1 : 0);
    expect(scrape.by('stream_name', 'nats_stream_total_messages')).toEqual(
      connection === 'shared' ? { WORK: 3 } : {},
    );
    const active = await measured.points('nats.jetstream.handler.active');
    expect(
      Object.fromEntries(
        active.map(({ attributes, value }) => [attributes['messaging.nats.handler'], value]),
      ),
    ).toEqual({ [EVENT]: 1, [REQUEST]: 0 });

    release();
    await eventually(
      () => Scrape.of(registry),
      (each) => each.sum('nats_jetstream_deliveries_total', event) === 3,
    );
    expect((await Scrape.of(registry)).by('outcome', 'nats_jetstream_deliveries_total', event)).toEqual({
      acked: 3,
    });
    await app.close();
    await measured.meterProvider.shutdown();
  },
);
