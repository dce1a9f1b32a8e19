import { Controller, Injectable } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  DeadLetters,
  getDeadLettersToken,
  Handlers,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  JsHandler,
  JsSubject,
  KeyValueService,
  KvWatch,
  NatsSubscribe,
  ObjectStoreService,
  ObjectWatch,
  PublishTo,
  RetryMessage,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import { JetStreamMetricsModule } from 'nestjs-nats-jetstream/metrics';
import {
  type EventExtras,
  JetStreamClient,
  JetStreamRecord,
  JetStreamServer,
  type RequestExtras,
} from 'nestjs-nats-jetstream/microservice';
import { JetStreamOtelModule } from 'nestjs-nats-jetstream/otel';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Registry } from 'prom-client';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { SecretNames } from '../support/secret-names.js';
import { Measured } from './measured.js';
import { Traced } from './traced.js';

const ROUNDS = 6;
const traced = new Traced();
let secrets = new SecretNames(1);
let seen: string[] = [];

/** Fails in different ways, with reasons that are secret too. */
function failSometimes(data: unknown): void {
  if (data === 'refuse') throw new TerminateMessage(secrets.token());
  if (data === 'fail') throw new Error(secrets.token());
  if (data === 'retry') throw new RetryMessage(1);
}

const retry = { maxDeliver: 2, backoff: [1] };

@Injectable()
class Consumers {
  @JsConsumer({
    stream: 'ALL',
    durable: 'single',
    filterSubjects: ['one.>', 'two.*.x'],
    deadLetter: true,
    retry,
  })
  @PublishTo((_, { subject }) => `copy.${subject.split('.')[1]}`)
  single(@Payload() data: unknown, @JsSubject() subject: string): unknown {
    seen.push(subject);
    failSometimes(data);
    return data;
  }

  @JsConsumer({
    stream: 'ALL',
    durable: 'whole',
    idempotent: { bucket: 'done', key: (data) => `${String(data)}.k` },
  })
  whole(@Payload() _: unknown): void {}

  @JsConsumer({ stream: 'ALL', durable: 'batch', batch: { size: 5, maxWait: 50 }, deadLetter: true, retry })
  batch(@Payload() data: unknown[]): void {
    for (const each of data) failSometimes(each);
  }

  @JsConsumer({ stream: 'ALL', durable: 'pushed', push: {}, retry })
  pushed(@Payload() data: unknown): void {
    failSometimes(data);
  }

  @JsConsumer({ stream: 'ALL', ordered: true })
  ordered(@Payload() data: unknown): void {
    if (data !== 'retry') failSometimes(data);
  }

  @NatsSubscribe('core.>')
  core(@JsSubject() subject: string): void {
    seen.push(subject);
    throw new Error(secrets.token());
  }

  @KvWatch('settings', { keys: ['app.>', 'other.*'] })
  setting(): void {
    seen.push('setting');
  }

  @ObjectWatch('files')
  file(): void {
    seen.push('file');
  }
}

@Injectable()
@JsConsumer({ stream: 'ALL', durable: 'router', retry })
class Router {
  @JsHandler('one.*.y')
  y(@Payload() data: unknown): void {
    failSometimes(data);
  }

  @JsHandler('>')
  rest(@Payload() _: unknown): void {}
}

@Controller()
class Service {
  @EventPattern('events.>', { retry } satisfies EventExtras)
  event(@Payload() data: unknown): void {
    seen.push('event');
    failSometimes(data);
  }

  @EventPattern('heard.>', { mode: 'core' } satisfies EventExtras)
  heard(@Payload() _: unknown): void {
    seen.push('heard');
  }

  @MessagePattern('requests.*')
  request(@Payload() data: unknown): unknown {
    failSometimes(data);
    return data;
  }

  @MessagePattern('jobs.*', { mode: 'jetstream' } satisfies RequestExtras)
  job(@Payload() data: unknown): unknown {
    failSometimes(data);
    return data;
  }
}

async function start(url: string, registry: Registry, { meterProvider }: Measured) {
  const storage = 'memory' as const;
  const module = await Test.createTestingModule({
    imports: [
      JetStreamModule.forRoot({ connection: { servers: url } }),
      JetStreamModule.forFeature({
        streams: [
          {
            name: 'ALL',
            subjects: ['one.>', 'two.*.*'],
            storage,
            allowAtomicPublish: true,
            allowBatchPublish: true,
            allowMessageSchedules: true,
          },
          { name: 'COPY', subjects: ['copy.*'], storage },
          { name: 'SERVED', subjects: ['events.>', 'jobs.*'], storage },
        ],
        keyValues: [
          { bucket: 'settings', storage },
          { bucket: 'done', storage },
        ],
        objectStores: [{ bucket: 'files', storage }],
      }),
      JetStreamOtelModule.forRoot({ tracing: { keyValue: true, settle: true }, metrics: { meterProvider } }),
      JetStreamMetricsModule.forRoot({ registry, server: 'every' }),
    ],
    providers: [Consumers, Router],
    controllers: [Service],
  })
    .setLogger(new LogRecorder())
    .compile();
  const app = module.createNestApplication();
  app.connectMicroservice({
    strategy: new JetStreamServer({ name: 'service', connection: app.get(JetStreamService) }),
  });
  await app.startAllMicroservices();
  await app.init();
  return app;
}

/** Calls that may fail: their spans and metrics are checked too. */
async function attempt(...calls: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(calls);
}

// A failure names its seed.
it.each([1, 2, Date.now() % 1_000_000])(
  'seed %i: no name of a span and no label of a metric has a token of a subject, key, object or reply',
  { timeout: 180_000 },
  async (seed) => {
    secrets = new SecretNames(seed);
    seen = [];
    traced.register();
    traced.reset();
    await using server = await NatsTestServer.start();
    const measured = new Measured();
    const registry = new Registry();
    const app = await start(server.url, registry, measured);
    const jetstream = app.get(JetStreamService);
    const { nc } = jetstream.connection;
    const settings = await app.get(KeyValueService).open('settings');
    const files = await app.get(ObjectStoreService).open('files');
    const client = new JetStreamClient({ connection: jetstream, timeout: 500 });
    await client.connect();
    const token = (): string => secrets.token();
    const once = { timeout: 200, retry: { attempts: 0 } };
    for (let round = 0; round < ROUNDS; round++) {
      const data = ['x', 'refuse', 'fail', 'retry'][round % 4];
      const name = token();
      await jetstream.publish(`one.${token()}.y`, data, { messageId: token(), headers: { Secret: token() } });
      await jetstream.publish(`one.${secrets.tokens()}`, data);
      await jetstream.publishMessage({ subject: `two.${token()}.x`, data });
      await jetstream.publishAsync(`two.${token()}.${token()}`, data).ack;
      await jetstream.publishBatch([
        { subject: `one.${token()}`, data },
        { subject: `two.${token()}.x`, data },
      ]);
      await jetstream.ingest([{ subject: `one.${token()}`, data }]);
      await jetstream.publish(`one.${token()}.s`, data, {
        schedule: { at: new Date(Date.now() + 1_000), target: `one.${token()}.due` },
      });
      await attempt(
        jetstream.publish(`nowhere.${secrets.tokens()}`, data, once),
        jetstream.publishAsync(`nowhere.${token()}`, data, once).ack,
        jetstream.publish(`one.${token()}`, data, { expect: { lastMessageId: token() } }),
      );
      nc.publish(`core.${secrets.tokens()}`, '"x"', { reply: `replies.${token()}` });
      nc.publish(`requests.${token()}`, 'not JSON', { reply: `replies.${token()}` });
      await attempt(
        firstValueFrom(client.emit(`events.${secrets.tokens()}`, data)),
        firstValueFrom(client.emit(`heard.${token()}`, new JetStreamRecord(data, { mode: 'core' }))),
        firstValueFrom(client.emit(`nowhere.${token()}`, data)),
        lastValueFrom(client.send(`requests.${token()}`, data)),
        lastValueFrom(client.send(`nowhere.${token()}`, data)),
        lastValueFrom(client.send(`jobs.${token()}`, new JetStreamRecord(data, { mode: 'jetstream' }))),
      );
      const key = `app.${name}`;
      await settings.put(key, data);
      await settings.get(key);
      await settings.put(`other.${token()}`, data);
      await attempt(settings.create(key, data), settings.update(key, data, 999), settings.get(token()));
      await settings.history(key);
      await settings.delete(key);
      await settings.purge(key);
      await (await settings.lock(`locks.${token()}`, { ttl: 5_000, wait: 0 })).release();
      await files.putString(name, 'x');
      await files.getString(name);
      await files.updateMeta(name, { name: `${name}.${token()}` });
      await attempt(files.getString(token()), files.delete(token()));
    }
    await eventually(
      () => seen.length,
      (length) => length >= ROUNDS * 8,
    );
    const letters = app.get<DeadLetters>(getDeadLettersToken());
    await eventually(
      async () => (await letters.page({})).letters,
      ({ length }) => length >= 8,
    );
    let replayed = 0;
    for await (const letter of letters.list()) {
      await attempt(letters.replay(letter.sequence, { to: replayed++ % 2 === 0 ? 'handler' : 'subject' }));
    }
    await letters.dropAll({});
    await app.get(Handlers).idle();

    const points = await measured.points();
    const spans = [...new Set(traced.spans.map(({ name }) => name))];
    const events = [...new Set(traced.spans.flatMap((span) => span.events.map(({ name }) => name)))];
    const texts = { spans, events, points: points.map((point) => JSON.stringify(point)) };
    const prometheus = await registry.metrics();
    await client.close();
    await app.close();
    await measured.meterProvider.shutdown();

    expect(secrets.all.length).toBeGreaterThan(ROUNDS * 30);
    // All forms have been observed.
    const words = new Set(spans.map((name) => name.split(' ')[0]));
    expect([...words].toSorted()).toEqual(
      ['ack', 'create', 'dead-letter', 'delete', 'get', 'ingest', 'nak', 'process', 'publish']
        .concat(['purge', 'put', 'replay', 'request', 'schedule', 'term', 'update'])
        .toSorted(),
    );
    expect(texts.points.length).toBeGreaterThan(40);
    expect(prometheus.length).toBeGreaterThan(10_000);
    const series = prometheus.split('\n').filter((line) => !line.startsWith('#'));
    const leaks = [...texts.spans, ...texts.events, ...texts.points, ...series].filter(
      (text) => secrets.foundIn(text).length > 0 || text.includes('_INBOX') || text.includes('replies.'),
    );
    expect(leaks).toEqual([]);
  },
);
