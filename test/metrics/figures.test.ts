import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  DeadLetterReason,
  Handlers,
  InvalidPayloadError,
  JetStreamContext,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  ObjectStoreService,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import { JetStreamMetricsModule } from 'nestjs-nats-jetstream/metrics';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { Scrape } from './scrape.js';

const DURATION = 'nats_jetstream_process_duration_seconds';
const DELAY = 'nats_jetstream_delivery_delay_seconds';
const LAG = 'nats_jetstream_handler_lag';
const OPERATIONS = 'nats_jetstream_operations_total';

let server: NatsTestServer;
let serial = 0;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

interface Measured extends TestApplication {
  readonly stream: string;
  readonly subject: string;
  readonly jetstream: JetStreamService;
  scrape(): Promise<Scrape>;
}

async function start(
  providers: (stream: string) => (new () => object)[] = () => [],
  url = server.url,
): Promise<Measured> {
  const registry = new Registry();
  const [stream, subject] = [`TASKS_${++serial}`, `tasks.${serial}`];
  const application = await startApplication(url, {
    imports: [
      JetStreamMetricsModule.forRoot({
        registry,
        server: 'off',
        buckets: { process: [0.01, 0.1], delay: [0.1, 60] },
      }),
    ],
    connection: { reconnectTimeWait: 50 },
    options: { shutdownTimeout: 200 },
    feature: {
      streams: [{ name: stream, subjects: [subject], storage: 'memory' }],
      keyValues: [{ bucket: 'settings', storage: 'memory' }],
      objectStores: [{ bucket: 'files', storage: 'memory' }],
    },
    providers: providers(stream),
  });
  const jetstream = application.app.get(JetStreamService);
  return { ...application, stream, subject, jetstream, scrape: () => Scrape.of(registry) };
}

describe('handlers', () => {
  it('have their durations in buckets', async () => {
    await using application = await start((stream) => {
      @Injectable()
      class Tasks {
        @JsConsumer({ stream, durable: 'worker' })
        onTask(@Payload() duration: number): Promise<void> | void {
          if (duration > 0) return delay(duration);
        }
      }
      return [Tasks];
    });
    for (const duration of [0, 0, 0, 20, 20, 120])
      await application.jetstream.publish(application.subject, duration);
    const scrape = await eventually(
      () => application.scrape(),
      (each) => each.sum(DURATION) === 6,
    );
    const labels = { handler: 'Tasks.onTask', form: 'consumer', consumer: 'worker' };
    const buckets = scrape.by('le', `${DURATION}_bucket`, labels);
    expect(buckets['+Inf']).toBe(6);
    // On a busy machine, handlers take longer, but never less time.
    expect(buckets['0.01']).toBeGreaterThan(0);
    expect(buckets['0.01']).toBeLessThanOrEqual(3);
    expect(buckets['0.1']).toBeGreaterThan(buckets['0.01'] ?? NaN);
    expect(buckets['0.1']).toBeLessThanOrEqual(5);
    expect(scrape.sum(`${DURATION}_sum`)).toBeGreaterThan(0.155);
    expect(scrape.sum(`${DURATION}_sum`)).toBeLessThan(5);
  });

  it('have the delay of first deliveries, not of retries', async () => {
    let isOpen = false;
    const provider = (stream: string): (new () => object)[] => {
      @Injectable()
      class Tasks {
        @JsConsumer({ stream, durable: 'worker', retry: { maxDeliver: 5, backoff: [10] } })
        onTask(@Ctx() { metadata }: JetStreamContext): void {
          if (metadata.deliveryCount < 3) throw new Error('fails');
          isOpen = true;
        }
      }
      return [Tasks];
    };
    await using writer = await start();
    await writer.jetstream.publish(writer.subject, 1);
    await delay(150);
    serial--;
    await using application = await start(provider);
    await eventually(() => isOpen, Boolean);
    const scrape = await application.scrape();
    expect(scrape.by('le', `${DELAY}_bucket`)).toEqual({ 60: 1, '+Inf': 1 });
    expect(scrape.sum(`${DELAY}_sum`)).toBeGreaterThan(0.149);
    expect(scrape.sum(`${DELAY}_sum`)).toBeLessThan(10);
  });

  it('have the lag of their consumer as of the last delivery', async () => {
    const release: (() => void)[] = [];
    await using application = await start((stream) => {
      @Injectable()
      class Tasks {
        @JsConsumer({ stream, durable: 'worker', maxMessages: 1 })
        onTask(): Promise<void> {
          return new Promise((resolve) => release.push(resolve));
        }
      }
      return [Tasks];
    });
    expect((await application.scrape()).samples(LAG)).toEqual([]);
    const handlers = application.app.get(Handlers);
    await handlers.pause('Tasks.onTask');
    for (let id = 1; id <= 4; id++) await application.jetstream.publish(application.subject, id);
    await handlers.resume('Tasks.onTask');
    for (const lag of [3, 2, 1, 0]) {
      await eventually(
        () => release.length,
        (length) => length === 4 - lag,
      );
      expect((await application.scrape()).sum(LAG)).toBe(lag);
      release.at(-1)?.();
    }
  });

  it('have their state, messages in flight and buffered', async () => {
    const release: (() => void)[] = [];
    await using application = await start((stream) => {
      @Injectable()
      class Tasks {
        @JsConsumer({ stream, durable: 'worker', concurrency: 2, maxMessages: 10 })
        onTask(@Payload() id: number): Promise<void> | void {
          // Messages are only buffered if handlers are fast.
          if (id > 0) return new Promise((resolve) => release.push(resolve));
        }
      }
      return [Tasks];
    });
    for (let i = 0; i < 50; i++) await application.jetstream.publish(application.subject, 0);
    for (let id = 1; id <= 5; id++) await application.jetstream.publish(application.subject, id);
    const labels = { handler: 'Tasks.onTask', consumer: 'worker' };
    const busy = await eventually(
      () => application.scrape(),
      (each) => each.sum('nats_jetstream_handler_active') + each.sum('nats_jetstream_handler_buffered') === 5,
    );
    expect(busy.sum('nats_jetstream_handler_active', labels)).toBe(2);
    expect(busy.by('state', 'nats_jetstream_handler_state', labels)).toEqual({ running: 1 });
    expect(busy.samples('nats_jetstream_handler_state', labels)).toHaveLength(5);
    for (const each of release) each();
    await application.app.get(Handlers).pause('Tasks.onTask');
    const paused = await application.scrape();
    expect(paused.by('state', 'nats_jetstream_handler_state', labels)).toEqual({ paused: 1 });
  });

  it('have the state of their circuit', async () => {
    await using application = await start((stream) => {
      @Injectable()
      class Tasks {
        @JsConsumer({
          stream,
          durable: 'worker',
          retry: { backoff: [60_000] },
          circuitBreaker: { window: 2, pause: 60_000 },
        })
        onTask(): never {
          throw new Error('fails');
        }
      }
      return [Tasks];
    });
    expect((await application.scrape()).sum('nats_jetstream_handler_circuit_open')).toBe(0);
    for (let id = 1; id <= 3; id++) await application.jetstream.publish(application.subject, id);
    await eventually(
      async () => (await application.scrape()).sum('nats_jetstream_handler_circuit_open'),
      (open) => open === 1,
    );
    expect((await application.scrape()).sum('nats_jetstream_handler_failures_total')).toBeGreaterThanOrEqual(
      2,
    );
  });

  it('without a consumer of their own name continue their series after a restart', async () => {
    let handled = 0;
    await using application = await start((stream) => {
      @Injectable()
      class Tasks {
        @JsConsumer({ stream, deliverPolicy: 'new' })
        onTask(): void {
          handled++;
        }
      }
      return [Tasks];
    });
    const handlers = application.app.get(Handlers);
    for (let round = 1; round <= 3; round++) {
      await application.jetstream.publish(application.subject, round);
      await eventually(
        () => handled,
        (count) => count === round,
      );
      await handlers.stop('Tasks.onTask');
      await handlers.start('Tasks.onTask');
    }
    const scrape = await application.scrape();
    expect(scrape.by('consumer', 'nats_jetstream_deliveries_total')).toEqual({ '': 3 });
    expect(scrape.by('consumer', 'nats_jetstream_handler_state')).toEqual({ '': 1 });
  });
});

describe('dead letters', () => {
  it('are counted by reason; other reasons than those of the library are one', async () => {
    await using application = await start((stream) => {
      @Injectable()
      class Tasks {
        @JsConsumer({
          stream,
          durable: 'worker',
          deadLetter: true,
          retry: { maxDeliver: 2, backoff: [1], retryIf: (error) => (error as Error).message !== 'never' },
        })
        onTask(@Payload() { kind }: { readonly kind: string }): void {
          if (kind === 'requested') throw new TerminateMessage('a reason of the handler');
          if (kind === 'invalid') throw new InvalidPayloadError('the payload is not valid');
          throw new Error(kind);
        }
      }
      return [Tasks];
    });
    for (const kind of ['requested', 'requested', 'invalid', 'never', 'always', 'always', 'always']) {
      await application.jetstream.publish(application.subject, { kind });
    }
    const reasons = await eventually(
      async () => (await application.scrape()).by('reason', 'nats_jetstream_dead_letters_total'),
      (found) => Object.values(found).reduce((sum, each) => sum + each, 0) === 7,
    );
    expect(reasons).toEqual({
      requested: 2,
      [DeadLetterReason.InvalidPayload]: 1,
      [DeadLetterReason.NotToBeRetried]: 1,
      [DeadLetterReason.DeliveriesUsedUp]: 3,
    });
  });
});

describe('operations', () => {
  it('are counted by kind and result, with their durations', async () => {
    await using application = await start();
    const { app, jetstream, subject } = application;
    const settings = await app.get(KeyValueService).open('settings');
    const files = await app.get(ObjectStoreService).open('files');
    await jetstream.publish(subject, 1);
    await jetstream.publishAsync(subject, 2).ack;
    await jetstream.publish('nothing.listens', 3, { retry: { attempts: 0 } }).catch(() => undefined);
    const revision = await settings.put('a', 1);
    await settings.get('a');
    await settings.update('a', 2, revision);
    await settings.update('a', 2, revision).catch(() => undefined);
    await settings.delete('a');
    async function* content(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10);
    }
    await files.put('a', content());
    const scrape = await application.scrape();
    expect(scrape.by('kind', OPERATIONS, { result: 'succeeded' })).toEqual({
      publish: 2,
      'kv-put': 1,
      'kv-get': 1,
      'kv-update': 1,
      'kv-delete': 1,
      'object-put': 1,
    });
    expect(scrape.by('kind', OPERATIONS, { result: 'failed' })).toEqual({ publish: 1, 'kv-update': 1 });
    expect(scrape.by('source', OPERATIONS)).toEqual({ '': 3, settings: 5, files: 1 });
    expect(scrape.by('kind', 'nats_jetstream_operation_duration_seconds')).toMatchObject({
      publish: 3,
      'kv-update': 2,
    });
    expect(scrape.by('kind', 'nats_jetstream_operation_messages_total')).toMatchObject({ publish: 2 });
  });
});

describe('copies of buckets', () => {
  it('have their lag until they are stopped', async () => {
    await using application = await start();
    const settings = await application.app.get(KeyValueService).open('settings');
    const name = 'nats_jetstream_cache_lag';
    expect((await application.scrape()).samples(name)).toEqual([]);
    const copies = [await settings.cached(), await settings.cached()];
    const revision = await settings.put('b', 1);
    for (const copy of copies) await copy.waitForRevision(revision);
    expect(copies.map(({ lag }) => lag)).toEqual([0, 0]);
    expect((await application.scrape()).samples(name)).toEqual([
      { labels: { application: 'default', connection: 'default', source: 'settings' }, value: '0' },
    ]);
    for (const copy of copies) await copy.stop();
    expect((await application.scrape()).samples(name)).toEqual([]);
  });
});

describe('connections', () => {
  it('have their state, reconnects, and what waits for the server', async () => {
    await using own = await NatsTestServer.start();
    await using application = await start(() => [], own.url);
    const before = await application.scrape();
    expect(before.by('state', 'nats_jetstream_connection_state', { connection: 'default' })).toEqual({
      connected: 1,
    });
    expect(before.sum('nats_jetstream_connection_reconnects_total')).toBe(0);
    expect(before.sum('nats_jetstream_publish_pending')).toBe(0);
    own.pause();
    const pending = [1, 2, 3].map((id) => application.jetstream.publishAsync(application.subject, id).ack);
    const reading = application.jetstream.accountInfo();
    const waiting = await application.scrape();
    expect(waiting.sum('nats_jetstream_publish_pending')).toBe(3);
    expect(waiting.sum('nats_jetstream_requests_pending')).toBeGreaterThan(0);
    own.resume();
    await Promise.all([...pending, reading]);
    await own.restart();
    await eventually(
      async () => (await application.scrape()).sum('nats_jetstream_connection_reconnects_total'),
      (reconnects) => reconnects === 1,
    );
  });
});
