import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Injectable } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import {
  DEAD_LETTER_STREAM,
  DeadLetters,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  OnDeadLetter,
  OnJetStreamEvent,
  type JetStreamEvent,
  type JsConsumerOptions,
  type Provisioning,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { all } from '../consuming/dead-letters/all.js';
import { startMicroservice } from '../microservice/microservice.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const BUCKET = 'claims';
const keyOf = (id: unknown): string => `k${String(id)}`;

interface Running extends TestApplication {
  readonly jetstream: JetStreamService;
  readonly letters: DeadLetters;
  readonly buckets: KeyValueService;
  /** The names of resources that were created again. */
  readonly recreated: string[];
}

interface StartOptions {
  readonly provisioning?: Provisioning;
  readonly providers?: (new () => object)[];
}

describe('a resource that this library creates for handlers', () => {
  let server: NatsTestServer;
  let storeDir: string;

  beforeEach(async () => {
    storeDir = await mkdtemp(join(tmpdir(), 'emptied-store-'));
    server = await NatsTestServer.start({ storeDir });
  });
  afterEach(async () => {
    await server.stop();
    await rm(storeDir, { recursive: true, force: true });
  });

  /** Restarts the server without its stored data. */
  async function emptyServer({ connection }: JetStreamService): Promise<void> {
    const back = new Promise<void>((resolve) => connection.listen({ onReconnect: resolve }));
    await server.kill();
    await rm(storeDir, { recursive: true, force: true });
    await server.restart();
    await back;
  }

  async function start(
    options: Partial<JsConsumerOptions>,
    handle: (id: number) => unknown,
    { provisioning = 'ensure', providers = [] }: StartOptions = {},
  ): Promise<Running> {
    const recreated: string[] = [];
    @Injectable()
    class Worker {
      @JsConsumer({
        stream: 'TASKS',
        durable: 'worker',
        ackWait: 1_000,
        retry: { maxDeliver: 2, backoff: [10] },
        ...options,
      } as JsConsumerOptions)
      onTask(@Payload() id: number): unknown {
        return handle(id);
      }

      @OnJetStreamEvent('resource-recreated')
      onRecreated(event: JetStreamEvent): void {
        if (event.type === 'resource-recreated') recreated.push(`${event.resource} ${event.name}`);
      }
    }
    const application = await startApplication(server.url, {
      connection: { reconnectTimeWait: 50 },
      options: { provisioning, jetstream: { timeout: 1_000 } },
      feature: { streams: [{ name: 'TASKS', subjects: ['tasks'] }] },
      providers: [Worker, ...providers],
    });
    const { app } = application;
    return {
      ...application,
      jetstream: app.get(JetStreamService),
      letters: app.get(DeadLetters),
      buckets: app.get(KeyValueService),
      recreated,
    };
  }

  const failing = (): never => {
    throw new Error('no');
  };

  it('for dead letters is recreated after the server lost it, and dead letters are stored', async () => {
    const told: unknown[] = [];
    @Injectable()
    class Alerts {
      @OnDeadLetter()
      on(@Payload() id: unknown): void {
        told.push(id);
      }
    }
    await using application = await start({ deadLetter: true }, failing, { providers: [Alerts] });
    const { jetstream, letters, recreated } = application;
    await jetstream.publish('tasks', 1);
    await eventually(
      () => told,
      (ids) => ids.length === 1,
    );
    await emptyServer(jetstream);
    await eventually(
      () => recreated.toSorted(),
      (names) => names.length === 3,
    );
    expect(recreated.toSorted()).toEqual([
      'stream DEAD_LETTERS',
      'stream DEAD_LETTER_ADVISORIES',
      'stream TASKS',
    ]);
    await jetstream.publish('tasks', 2);
    const kept = await eventually(
      () => all(letters.list()),
      (found) => found.length === 1,
      20_000,
    );
    expect(kept.map((letter) => letter.json())).toEqual([2]);
    await eventually(
      () => told,
      (ids) => ids.length === 2,
      20_000,
    );
    expect(told).toEqual([1, 2]);
  });

  it('for messages that are never settled is recreated after the server lost it', async () => {
    let hangs = true;
    await using application = await start(
      { deadLetter: true, ackWait: 300, maxProcessingTime: 300, retry: { maxDeliver: 1 } },
      () => (hangs ? new Promise<void>(() => {}) : undefined),
    );
    const { jetstream, letters, recreated } = application;
    await emptyServer(jetstream);
    await eventually(
      () => recreated,
      (names) => names.length === 3,
    );
    // Its consumer and that of the advisories exist again.
    await eventually(
      () => all(jetstream.consumerNames('DEAD_LETTER_ADVISORIES')).catch(() => []),
      (names) => names.length === 1,
      20_000,
    );
    await jetstream.publish('tasks', 1);
    const kept = await eventually(
      () => all(letters.list()),
      (found) => found.length === 1,
      20_000,
    );
    expect(kept.map(({ reason }) => reason)).toEqual(['never settled']);
    hangs = false;
  });

  it('for idempotence is recreated after the server lost it, and messages are handled', async () => {
    const ran: number[] = [];
    await using application = await start({ idempotent: { bucket: BUCKET, key: keyOf } }, (id) =>
      ran.push(id),
    );
    const { jetstream, buckets, recreated } = application;
    await jetstream.publish('tasks', 1);
    await eventually(
      () => ran,
      (ids) => ids.length === 1,
    );
    // Otherwise the first message may be marked as done in the new bucket.
    await eventually(
      () => all(jetstream.listConsumers('TASKS')),
      (consumers) => consumers.every(({ numAckPending }) => numAckPending === 0),
    );
    await emptyServer(jetstream);
    await eventually(
      () => recreated.toSorted(),
      (names) => names.length === 2,
    );
    expect(recreated.toSorted()).toEqual([`key-value ${BUCKET}`, 'stream TASKS']);
    await jetstream.publish('tasks', 2);
    await jetstream.publish('tasks', 2);
    await eventually(
      () => ran,
      (ids) => ids.length === 2,
      20_000,
    );
    expect(ran).toEqual([1, 2]);
    expect(await all((await buckets.open(BUCKET)).keys())).toHaveLength(1);
  });

  it('keeps a held claim while its bucket is lost and recreated', async () => {
    let finish = (): void => {};
    let runs = 0;
    await using application = await start({ idempotent: { bucket: BUCKET, key: keyOf, lease: 300 } }, () => {
      runs++;
      return new Promise<void>((resolve) => (finish = resolve));
    });
    const { jetstream, buckets, logs } = application;
    await jetstream.publish('tasks', 1);
    await eventually(
      () => runs,
      (count) => count === 1,
    );
    await jetstream.deleteStream(`KV_${BUCKET}`);
    await buckets.create({ bucket: BUCKET });
    const bucket = await buckets.open(BUCKET);
    const [key] = await eventually(
      () => all(bucket.keys()),
      (keys) => keys.length === 1,
    );
    // The same work, requested again, waits for the claim.
    await jetstream.publish('tasks', 1);
    finish();
    const consumer = await jetstream.consumer('TASKS', 'worker');
    await eventually(
      () => consumer.info(),
      ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
    );
    expect(runs).toBe(1);
    expect((await bucket.get(key ?? ''))?.value).toMatchObject({ state: 'done' });
    expect(logs.of('warn', 'Idempotence').filter((line) => line.includes('may run twice'))).toEqual([]);
  });

  it.each<[string, Partial<JsConsumerOptions>, string]>([
    ['the bucket of idempotence', { idempotent: { bucket: BUCKET, key: keyOf } }, `KV_${BUCKET}`],
    [
      'the bucket of idempotence, with dead letters',
      { idempotent: { bucket: BUCKET, key: keyOf }, deadLetter: true },
      `KV_${BUCKET}`,
    ],
  ])(
    'stays deleted if a client deletes it, and messages wait without losing deliveries: %s',
    async (_, options, stream) => {
      const ran: number[] = [];
      await using application = await start(options, (id) => ran.push(id));
      const { jetstream, buckets, letters, logs, recreated } = application;
      await jetstream.deleteStream(stream);
      await jetstream.publish('tasks', 1);
      await eventually(
        () => logs.of('error', 'Idempotence'),
        (lines) =>
          lines.some((line) => line.includes(`bucket "${BUCKET}"`) && line.includes('Worker.onTask')),
      );
      expect(recreated).toEqual([]);
      await buckets.create({ bucket: BUCKET });
      await eventually(
        () => ran,
        (ids) => ids.length > 0,
        20_000,
      );
      expect(ran).toEqual([1]);
      expect(logs.of('error', 'Settlement')).toEqual([]);
      const kept = options.deadLetter === true ? await all(letters.list()) : [];
      expect(kept).toEqual([]);
    },
  );

  it('stays deleted if a client deletes it: a message is kept until its dead letter is stored', async () => {
    await using application = await start({ deadLetter: true }, failing);
    const { jetstream, letters, logs, recreated } = application;
    await jetstream.deleteStream(DEAD_LETTER_STREAM);
    await jetstream.publish('tasks', 1);
    await eventually(
      () => logs.of('error', 'Settlement'),
      (lines) =>
        lines.some(
          (line) =>
            line.includes('could not be stored as a dead letter yet') &&
            line.includes('dead-letters.TASKS.worker') &&
            line.includes('Create a stream with that subject'),
        ),
    );
    const consumer = await jetstream.consumer('TASKS', 'worker');
    expect((await consumer.info()).numAckPending).toBe(1);
    expect(recreated).toEqual([]);
    await jetstream.createStream({
      name: DEAD_LETTER_STREAM,
      subjects: ['dead-letters.>'],
      allowDirect: true,
    });
    const kept = await eventually(
      () => all(letters.list()),
      (found) => found.length === 1,
      20_000,
    );
    expect(kept.map((letter) => letter.json())).toEqual([1]);
  });

  it.each<Provisioning>(['assert', 'off'])('is not recreated with provisioning %s', async (provisioning) => {
    const idempotent = { idempotent: { bucket: BUCKET, key: keyOf } };
    const owner = await start({ deadLetter: true, ...idempotent }, () => undefined);
    await owner.app.close();
    const ran: number[] = [];
    await using application = await start({ deadLetter: true, ...idempotent }, (id) => ran.push(id), {
      provisioning,
    });
    const { jetstream, recreated } = application;
    await emptyServer(jetstream);
    await jetstream.connection.flush();
    expect(await all(jetstream.streamNames())).toEqual([]);
    expect(recreated).toEqual([]);
  });

  it('has the configuration that the application declares for it', async () => {
    const recreated: string[] = [];
    @Injectable()
    class Worker {
      @JsConsumer({ stream: 'TASKS', durable: 'worker', deadLetter: true, retry: { maxDeliver: 1 } })
      onTask(): never {
        throw new Error('no');
      }

      @OnJetStreamEvent('resource-recreated')
      onRecreated(event: JetStreamEvent): void {
        if (event.type === 'resource-recreated') recreated.push(event.name);
      }
    }
    await using application = await startApplication(server.url, {
      connection: { reconnectTimeWait: 50 },
      feature: {
        streams: [
          { name: 'TASKS', subjects: ['tasks'] },
          { name: DEAD_LETTER_STREAM, subjects: ['dead-letters.>'], maxAge: 3_600_000, storage: 'memory' },
        ],
      },
      providers: [Worker],
    });
    const jetstream = application.app.get(JetStreamService);
    await emptyServer(jetstream);
    await eventually(
      () => recreated,
      (names) => names.length === 3,
    );
    const { config } = (await jetstream.stream(DEAD_LETTER_STREAM)).cachedInfo;
    expect(config).toMatchObject({ maxAge: 3_600_000, storage: 'memory' });
  });

  it('of a microservice is recreated, with the streams of its options', async () => {
    const seen: unknown[] = [];
    @Controller()
    class Tasks {
      @EventPattern('tasks', {
        stream: 'TASKS',
        durable: 'worker',
        deadLetter: true,
        retry: { maxDeliver: 1 },
      })
      on(@Payload() id: number): void {
        seen.push(id);
        throw new Error('no');
      }
    }
    const recreated: string[] = [];
    await using service = await startMicroservice(server.url, {
      controllers: [Tasks],
      server: {
        connection: { servers: server.url, reconnectTimeWait: 50 },
        streams: [{ name: 'TASKS', subjects: ['tasks'] }],
      },
      prepare: (_, strategy) => strategy.on('resource-recreated', ({ name }) => void recreated.push(name)),
    });
    await using application = await startApplication(server.url, { connection: { reconnectTimeWait: 50 } });
    const jetstream = application.app.get(JetStreamService);
    await emptyServer(jetstream);
    await eventually(
      () => recreated,
      (names) => names.length === 3,
      20_000,
    );
    expect(recreated.toSorted()).toEqual(['DEAD_LETTERS', 'DEAD_LETTER_ADVISORIES', 'TASKS']);
    await jetstream.publish('tasks', 1);
    const kept = await eventually(
      () => all(application.app.get(DeadLetters).list()),
      (found) => found.length === 1,
      20_000,
    );
    expect(kept.map((letter) => letter.json())).toEqual([1]);
    expect(service.logs.of('error').length).toBeLessThan(20);
  });
});
