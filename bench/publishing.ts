import { jetstream, jetstreamManager, type JetStreamClient } from '@nats-io/jetstream';
import type { JetStreamService } from 'nestjs-nats-jetstream';
import { openServices } from './services.js';
import type { Bench, Comparison, Side } from './suite.js';

/** How many messages `publishAsync` has in flight by default; the raw client is limited to the same number. */
const WINDOW = 4_000;

/** The subjects that both clients publish to, each of a stream of its own. */
export const Subject = { ours: 'ours', raw: 'raw' } as const;

/** Two ways to publish the given number of messages and to wait for all acknowledgements. */
export interface Publishing {
  readonly ours: (jetstream: JetStreamService, messages: number) => Promise<void>;
  readonly raw: (jetstream: JetStreamClient, messages: number) => Promise<void>;
}

/** Compares publishing into memory streams that are empty before each round; their content is checked after it. */
export async function comparePublishing(bench: Bench, { ours, raw }: Publishing): Promise<Comparison> {
  const services = await openServices(await bench.connectOurs());
  const rawNc = await bench.connect();
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
    ours: await side(Subject.ours, (messages) => ours(services.jetstream, messages)),
    raw: await side(Subject.raw, (messages) => raw(client, messages)),
    close: async () => {
      await services.close();
      await rawNc.close();
    },
  };
}

/**
 * Publishes the given number of messages, with as many in flight as `publishAsync` allows, and resolves when all are
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
