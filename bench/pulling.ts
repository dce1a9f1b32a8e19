import { jetstream, jetstreamManager, type Consumer as RawConsumer } from '@nats-io/jetstream';
import type { Consumer } from 'nestjs-nats-jetstream';
import { Backlog } from './backlog.js';
import { openServices } from './services.js';
import type { Bench, Comparison, Side } from './suite.js';

/** Functions that receive the given number of messages from a consumer and acknowledge each one. */
export interface Pulling {
  readonly ours: (consumer: Consumer, messages: number) => Promise<void>;
  readonly raw: (consumer: RawConsumer, messages: number) => Promise<void>;
}

/** The default of this library and of the Go client; the raw client's own default is 100. */
export const MAX_MESSAGES = 500;

/** Compares how consumer handles of both sides receive, each from its own filled stream. */
export async function comparePulling(bench: Bench, { ours, raw }: Pulling): Promise<Comparison> {
  const nc = await bench.connect();
  const ourNc = await bench.connectOurs();
  const jsm = await jetstreamManager(nc);
  const { jetstream: service, close } = await openServices(ourNc);
  for (const name of ['OURS', 'RAW']) {
    await service.createStream({ name, subjects: [name.toLowerCase()], storage: 'memory' });
    await service.createConsumer(name, { durable: 'bench', maxAckPending: 10_000 });
  }
  const ourConsumer = await service.consumer('OURS', 'bench');
  const rawConsumer = await jetstream(nc).consumers.get('RAW', 'bench');

  const side = (
    stream: string,
    receive: (messages: number) => Promise<void>,
    flush: () => Promise<void>,
  ): Side => {
    const backlog = new Backlog(nc, jsm, stream, 'bench', stream.toLowerCase());
    return {
      prepare: (operations) => backlog.fill(operations, bench.payload),
      run: async (operations) => {
        await receive(operations);
        await flush();
      },
      verify: () => backlog.verifySettled(),
    };
  };
  return {
    ours: side(
      'OURS',
      (messages) => ours(ourConsumer, messages),
      () => ourNc.flush(),
    ),
    raw: side(
      'RAW',
      (messages) => raw(rawConsumer, messages),
      () => nc.flush(),
    ),
    close: async () => {
      await close();
      await nc.close();
    },
  };
}
