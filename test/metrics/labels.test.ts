import { randomBytes, randomInt } from 'node:crypto';
import { Readable } from 'node:stream';
import { Controller, Injectable } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  DeadLetters,
  getNatsConnectionToken,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  KvWatch,
  NatsSubscribe,
  ObjectStoreService,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import {
  JetStreamMetrics,
  JetStreamMetricsModule,
  jetStreamPrometheusMetrics,
} from 'nestjs-nats-jetstream/metrics';
import type { NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, connectClient, emit, startMicroservice } from '../microservice/microservice.js';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { Scrape } from './scrape.js';

let server: NatsTestServer;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

/** Tokens that occur nowhere else: of different lengths, and with characters that are valid in subjects. */
function token(): string {
  const text = randomBytes(randomInt(4, 20)).toString('hex');
  return `x${text}${['', '-y', '_z', '=', '/'][randomInt(5)] ?? ''}`;
}

/** Whether a token is part of a text, also if it was changed to letters and digits only. */
function contains(text: string, secret: string): boolean {
  const plain = secret.replaceAll(/[^a-z0-9]/g, '');
  return text.includes(secret) || text.includes(plain);
}

it('no label contains a token of a subject, a key, an object name, or a reason of a handler', async () => {
  const registry = new Registry();
  const secrets: string[] = [];
  const secret = (): string => {
    secrets.push(token());
    return secrets.at(-1) ?? '';
  };
  const seen: unknown[] = [];
  @Injectable()
  class Everything {
    @JsConsumer({
      stream: 'TASKS',
      durable: 'worker',
      deadLetter: true,
      retry: { maxDeliver: 2, backoff: [1] },
    })
    onTask(@Payload() id: number): void {
      if (id % 3 === 0) throw new TerminateMessage(secret());
      if (id % 3 === 1) throw new Error(secret());
    }

    @JsConsumer({ stream: 'TASKS', ordered: true })
    onOrdered(): void {}

    @KvWatch('settings')
    onSetting(): void {
      seen.push('setting');
    }

    @NatsSubscribe('core.>')
    onMessage(): void {
      seen.push('core');
    }
  }
  await using application = await startApplication(server.url, {
    imports: [JetStreamMetricsModule.forRoot({ registry, server: 'every' })],
    feature: {
      streams: [{ name: 'TASKS', subjects: ['tasks.>'], storage: 'memory' }],
      keyValues: [{ bucket: 'settings', storage: 'memory' }],
      objectStores: [{ bucket: 'files', storage: 'memory' }],
    },
    providers: [Everything],
  });
  const { app } = application;
  const jetstream = app.get(JetStreamService);
  const settings = await app.get(KeyValueService).open('settings');
  const files = await app.get(ObjectStoreService).open('files');
  const rounds = 30;
  for (let id = 0; id < rounds; id++) {
    await jetstream.publish(`tasks.${secret()}.${secret()}`, id, { headers: { Secret: secret() } });
    const key = secret();
    await settings.put(key, secret());
    await settings.get(key);
    await settings.get(secret());
    const name = secret();
    await files.put(name, Readable.from([Buffer.from(secret())]));
    app.get<NatsConnection>(getNatsConnectionToken()).publish(`core.${secret()}`);
    await jetstream.publish(`none.${secret()}`, id, { retry: { attempts: 0 } }).catch(() => undefined);
  }
  await eventually(
    async () => (await Scrape.of(registry)).by('reason', 'nats_jetstream_dead_letters_total'),
    (reasons) => reasons.requested === 10 && reasons['deliveries used up'] === 10,
  );
  await eventually(
    () => seen.length,
    (length) => length >= 2 * rounds,
  );
  const letters = app.get(DeadLetters);
  for await (const letter of letters.list()) await letters.replay(letter.sequence).catch(() => undefined);
  const { text } = await Scrape.of(registry);
  expect(secrets.length).toBeGreaterThan(250);
  expect(secrets.filter((each) => contains(text, each))).toEqual([]);
  expect(app.get(JetStreamMetrics).application).toBe('default');
});

it('no label of a microservice contains a token of a subject', async () => {
  const registry = new Registry();
  const metrics = jetStreamPrometheusMetrics({ registry });
  const secrets: string[] = [];
  const secret = (): string => {
    secrets.push(token());
    return secrets.at(-1) ?? '';
  };
  @Controller()
  class Service {
    @EventPattern('events.>')
    onEvent(@Payload() id: number): void {
      if (id % 2 === 0) throw new TerminateMessage(secret());
    }

    @MessagePattern('requests.*')
    onRequest(@Payload() id: number): number {
      if (id % 2 === 0) throw new Error(secret());
      return id;
    }
  }
  await using _ = await startMicroservice(server.url, {
    controllers: [Service],
    server: {
      instruments: [metrics],
      streams: [{ name: 'EVENTS', subjects: ['events.>'], storage: 'memory' }],
    },
  });
  await using client = await connectClient(server.url, { instruments: [metrics] });
  const rounds = 20;
  for (let id = 1; id <= rounds; id++) {
    await emit(client, `events.${secret()}.${secret()}`, id);
    await ask(client, `requests.${secret()}`, id).catch(() => undefined);
  }
  const scrape = await eventually(
    () => Scrape.of(registry),
    (each) => each.sum('nats_jetstream_deliveries_total') === 2 * rounds,
  );
  expect(scrape.by('outcome', 'nats_jetstream_deliveries_total')).toMatchObject({
    answered: 10,
    failed: 10,
    acked: 10,
  });
  expect(scrape.by('kind', 'nats_jetstream_operations_total')).toMatchObject({ publish: 20, request: 20 });
  expect(secrets.filter((each) => contains(scrape.text, each))).toEqual([]);
  metrics.close();
});
