import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  DeadLetters,
  getNatsConnectionToken,
  JetStreamService,
  JsConsumer,
  type DeadLetter,
  type PullJsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';
import { all } from './all.js';

/** Sequences restart when a stream is recreated, so records of the old incarnation must not apply to the new one. */
describe('a stream that was deleted and created again', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  /** Starts a handler on a stream of its own. */
  async function start(
    handle: (id: number) => unknown,
    options: Partial<PullJsConsumerOptions>,
  ): Promise<
    TestApplication & { stream: string; recreate(): Promise<void>; publish(id: number): Promise<void> }
  > {
    const stream = `TASKS_${++serial}`;
    const subject = `tasks.${serial}`;
    @Injectable()
    class Tasks {
      @JsConsumer({ stream, durable: 'worker', ...options } as PullJsConsumerOptions)
      onTask(@Payload() id: number): unknown {
        return handle(id);
      }
    }
    const config = { name: stream, subjects: [subject], storage: 'memory' } as const;
    const application = await startApplication(server.url, {
      options: { shutdownTimeout: 100 },
      feature: { streams: [config] },
      providers: [Tasks],
    });
    const jetstream = application.app.get(JetStreamService);
    return {
      ...application,
      stream,
      publish: async (id) => void (await jetstream.publish(subject, id)),
      recreate: async () => {
        await jetstream.deleteStream(stream);
        await jetstream.createStream(config);
      },
    };
  }

  const lettersOf = (application: TestApplication, stream: string): Promise<DeadLetter[]> =>
    all(application.app.get(DeadLetters).list({ stream }));

  it('has dead letters of its own', async () => {
    await using tasks = await start(
      () => {
        throw new Error('no');
      },
      { deadLetter: true, retry: { maxDeliver: 1 } },
    );
    await tasks.publish(1);
    await eventually(
      () => lettersOf(tasks, tasks.stream),
      (letters) => letters.length === 1,
    );
    await tasks.recreate();
    await tasks.publish(2);
    const letters = await eventually(
      () => lettersOf(tasks, tasks.stream),
      (found) => found.length === 2,
    );
    expect(letters.map((letter) => [letter.streamSequence, letter.json()])).toEqual([
      [1, 1],
      [1, 2],
    ]);
  });

  it('has messages that count as not handled by an idempotent handler', async () => {
    const ran: number[] = [];
    await using tasks = await start((id) => void ran.push(id), { idempotent: { bucket: 'incarnations' } });
    await tasks.publish(1);
    await eventually(
      () => ran,
      (ids) => ids.length === 1,
    );
    await tasks.recreate();
    await tasks.publish(2);
    await eventually(
      () => ran,
      (ids) => ids.length === 2,
      // If the notice of the deletion is lost, missing heartbeats reveal it.
      50_000,
    );
    expect(ran).toEqual([1, 2]);
  }, 90_000);

  it('does not count unsettled deliveries of its previous incarnation', async () => {
    await using tasks = await start(() => new Promise(() => undefined), {
      deadLetter: true,
      retry: { maxDeliver: 3 },
    });
    const nc = tasks.app.get<NatsConnection>(getNatsConnectionToken());
    const advise = (timestamp: Date): void => {
      nc.publish(
        `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${tasks.stream}.worker`,
        JSON.stringify({ timestamp: timestamp.toISOString(), stream_seq: 1, deliveries: 3 }),
      );
    };
    const before = new Date(Date.now() - 60_000);
    await tasks.publish(1);
    advise(before);
    await eventually(
      () => tasks.logs.of('warn', 'DeadLetters'),
      (lines) => lines.some((line) => line.includes('no longer in its stream')),
    );
    expect(await lettersOf(tasks, tasks.stream)).toEqual([]);
    // The same advisory about the existing message.
    advise(new Date(Date.now() + 1_000));
    await eventually(
      () => lettersOf(tasks, tasks.stream),
      (letters) => letters.length === 1,
    );
  });
});
