import { jetstream, jetstreamManager, type JetStreamClient } from '@nats-io/jetstream';
import { JetStreamConnection, JetStreamService, jsonCodec, Requests } from 'nestjs-nats-jetstream';
import type { Bench, Comparison, Side } from './suite.js';

/** How many messages `publishAsync` has under way at a time by default; what it is compared with keeps to the same. */
const WINDOW = 4_000;

/** The subjects that both clients publish to, each of a stream of its own. */
export const Subject = { ours: 'ours', raw: 'raw' } as const;

/** Two ways to publish so many messages and to wait for all acknowledgements. */
export interface Publishing {
  readonly ours: (jetstream: JetStreamService, messages: number) => Promise<void>;
  readonly raw: (jetstream: JetStreamClient, messages: number) => Promise<void>;
}

/** Compares publishing into streams in memory that are empty before each round; what they hold is checked after it. */
export async function comparePublishing(bench: Bench, { ours, raw }: Publishing): Promise<Comparison> {
  const [nc, rawNc] = [await bench.connectOurs(), await bench.connect()];
  const connection = new JetStreamConnection('bench', nc);
  const service = new JetStreamService(connection, new Requests(connection), {
    codec: jsonCodec,
    publish: {},
  });
  const client = jetstream(rawNc);
  const { streams } = await jetstreamManager(rawNc);

  const side = async (subject: string, publish: (messages: number) => Promise<void>): Promise<Side> => {
    await streams.add({ name: subject, subjects: [subject], storage: 'memory' });
    return {
      prepare: async () => {
        await streams.purge(subject);
      },
      run: publish,
      verify: async (operations) => {
        const { messages } = (await streams.info(subject)).state;
        if (messages !== operations)
          throw new Error(`${operations} messages were published, ${messages} are stored`);
      },
    };
  };
  return {
    ours: await side(Subject.ours, (messages) => ours(service, messages)),
    raw: await side(Subject.raw, (messages) => raw(client, messages)),
    close: async () => {
      await nc.close();
      await rawNc.close();
    },
  };
}

/**
 * Publishes so many messages, as many of which are under way at a time as those of `publishAsync`, and resolves when all are
 * acknowledged.
 *
 * @param publish publishes one, and calls back when it is acknowledged
 */
export async function underWay(messages: number, publish: (acknowledged: () => void) => void): Promise<void> {
  let pending = 0;
  let room: (() => void) | undefined;
  const acknowledged = () => {
    pending--;
    room?.();
  };
  const until = async (most: number) => {
    while (pending > most) await new Promise<void>((resolve) => (room = resolve));
  };
  for (let i = 0; i < messages; i++) {
    if (pending === WINDOW) await until(WINDOW - 1);
    pending++;
    publish(acknowledged);
  }
  await until(0);
}
