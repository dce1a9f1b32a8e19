import { JetStreamService, StreamExistsError } from 'nestjs-nats-jetstream';
import { NatsTestCluster } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { existingStream } from '../../../lib/jetstream/index.js';
import { ConnectedJetStream } from './connected-jetstream.js';

const ROUNDS = 40;

it('a stream that another client of a cluster creates at the same moment is found', async () => {
  await using cluster = await NatsTestCluster.start(3);
  const clients: ConnectedJetStream[] = [];
  for (const url of cluster.urls) clients.push(await ConnectedJetStream.connect(url));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const name = `S${round}`;
      // With other options, creating it twice is refused.
      const create = async (jetstream: JetStreamService, replicas: number): Promise<string> => {
        try {
          return (await jetstream.createStream({ name, subjects: [name], replicas })).name;
        } catch (error) {
          if (!(error instanceof StreamExistsError)) throw error;
          return (await existingStream(jetstream, name)).name;
        }
      };
      const names = await Promise.all(clients.map(({ jetstream }, i) => create(jetstream, i === 0 ? 3 : 1)));
      expect(names).toEqual([name, name, name]);
    }
  } finally {
    for (const client of clients) await client[Symbol.asyncDispose]();
  }
}, 120_000);
