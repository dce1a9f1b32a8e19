import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { StorageType, type PubAck } from '../../lib/jetstream/index.js';
import { ConnectedPublisher } from '../jetstream/publishing/connected-publisher.js';

const MESSAGES = 1_000_000;
const RESTARTS = 3;

it(
  'stores each of a million messages once while the server is restarted three times',
  { timeout: 300_000 },
  async () => {
    await using server = await NatsTestServer.start();
    await using client = await ConnectedPublisher.connect(server, { timeout: 60_000, idempotent: true });
    const { publisher } = client;
    const stream = await client.createStream({
      name: 'MILLION',
      subjects: ['million'],
      storage: StorageType.File,
    });
    const sequences = new Float64Array(MESSAGES);
    const restartAt = Array.from({ length: RESTARTS }, (_, i) =>
      Math.floor(((i + 1) * MESSAGES) / (RESTARTS + 1)),
    );
    const restarts: Promise<void>[] = [];
    let failed = 0;
    let mostPending = 0;
    let duplicates = 0;
    const acknowledged = (i: number, { sequence, duplicate }: PubAck) => {
      sequences[i] = sequence;
      if (duplicate) duplicates++;
    };
    const heapBefore = heapUsed();

    for (let i = 0; i < MESSAGES; i++) {
      await publisher.publishAsyncReady();
      publisher.publishAsync('million', String(i)).ack.then(
        (ack) => acknowledged(i, ack),
        () => failed++,
      );
      mostPending = Math.max(mostPending, publisher.publishAsyncPending);
      // Alternately stopped gracefully and killed.
      if (i === restartAt[restarts.length]) {
        const isKilled = restarts.length % 2 === 1;
        const restart = async (): Promise<void> => {
          if (isKilled) await server.kill();
          await server.restart();
        };
        // Messages are published quickly after a restart: the next one waits until this one is noticed here.
        restarts.push(restarts.length === 0 ? restart() : restarts[restarts.length - 1].then(restart));
      }
    }
    await publisher.publishAsyncComplete();
    await Promise.all(restarts);

    expect(heapUsed() - heapBefore).toBeLessThan(50e6);
    expect(restarts).toHaveLength(RESTARTS);
    expect(failed).toBe(0);
    expect(mostPending).toBeLessThanOrEqual(4_000);
    const { state } = await stream.info();
    expect(state).toMatchObject({ messages: MESSAGES, firstSequence: 1, lastSequence: MESSAGES });
    const seen = new Uint8Array(MESSAGES + 1);
    for (const sequence of sequences) seen[sequence]++;
    expect(seen.subarray(1).every((count) => count === 1)).toBe(true);
    for (let i = 0; i < MESSAGES; i += 9_973) {
      expect((await stream.getMessage(sequences[i])).text()).toBe(String(i));
    }
    // Some acknowledgements were lost with a connection; otherwise the test would prove nothing.
    expect(duplicates).toBeGreaterThan(0);
  },
);

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
