import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  JetStreamService,
  JsConsumer,
  KeyValueService,
  KvContext,
  KvWatch,
  StorageType,
} from 'nestjs-nats-jetstream';
import { NatsTestCluster } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const MESSAGES = 20;
/** How many clients create the stream at once. */
const CLIENTS = 16;

it(
  'handlers and watches keep their position if a restarted server reports another creation time of their stream',
  { timeout: 120_000 },
  async () => {
    // Newer servers keep one time.
    await using cluster = await NatsTestCluster.start(3, { version: '2.10' });
    const seen: Record<string, number[]> = { ordered: [], ephemeral: [], watch: [] };

    @Injectable()
    class Readers {
      @JsConsumer({ stream: 'TWICE', ordered: true, deliverPolicy: 'all' })
      ordered(@Payload() number: number): void {
        seen.ordered.push(number);
      }

      @JsConsumer({ stream: 'TWICE', concurrency: 1 })
      ephemeral(@Payload() number: number): void {
        seen.ephemeral.push(number);
      }

      @KvWatch('twice')
      watch(@Ctx() { revision }: KvContext): void {
        seen.watch.push(revision);
      }
    }
    await using setUp = await startApplication(cluster.urls, {});
    const jetstream = setUp.app.get(JetStreamService);
    const buckets = setUp.app.get(KeyValueService);
    // The leader of the cluster gets further requests before it has applied the first one, and keeps their times too: the stream
    // has the first one, and a server that restarts reads the last one.
    const stream = { name: 'TWICE', subjects: ['twice'], replicas: 3, storage: StorageType.File };
    await Promise.all(Array.from({ length: CLIENTS }, () => jetstream.createStream(stream)));
    const options = { bucket: 'twice', replicas: 3, history: 64 };
    await Promise.all(Array.from({ length: CLIENTS }, () => buckets.create<number>(options)));
    const bucket = await buckets.open<number>('twice');
    const creationTimes = async (): Promise<number[]> => {
      const { created } = await (await jetstream.stream('TWICE')).info();
      return [created.getTime(), (await bucket.status()).streamInfo.created.getTime()];
    };

    await using _ = await startApplication(cluster.urls, {
      connection: { reconnectTimeWait: 50 },
      providers: [Readers],
    });
    let published = 0;
    const publish = async (): Promise<void> => {
      for (let i = 0; i < MESSAGES; i++) {
        await jetstream.publish('twice', ++published, { timeout: 20_000, idempotent: true });
        await bucket.put('key', published);
      }
      const numbers = Array.from({ length: published }, (_number, i) => i + 1);
      const wanted = { ordered: numbers, ephemeral: numbers, watch: numbers };
      const isComplete = (all: typeof seen): boolean =>
        Object.values(all).every((each) => each.at(-1) === published);
      await eventually(() => seen, isComplete, 30_000);
      expect(seen).toEqual(wanted);
      await eventually(
        () => unacknowledged(jetstream),
        (count) => count === 0,
      );
    };
    await publish();
    const before = await creationTimes();
    for (const server of cluster.servers) {
      await server.restart();
      await cluster.ready();
      await publish();
    }
    const after = await creationTimes();
    // Otherwise the test would prove nothing.
    expect(after.map((time, i) => time === before[i])).toEqual([false, false]);

    // Its bucket was opened before the restarts.
    const watcher = await bucket.watch('key', { resumeFromRevision: published });
    for await (const { revision } of watcher) {
      expect(revision).toBe(published);
      break;
    }
  },
);

/** How many messages ephemeral consumers have delivered that are not acknowledged. */
async function unacknowledged(jetstream: JetStreamService): Promise<number> {
  let count = 0;
  for await (const { numAckPending } of jetstream.listConsumers('TWICE')) count += numAckPending;
  return count;
}
