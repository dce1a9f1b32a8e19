import { expect, it } from 'vitest';
import { NoRespondersError } from '../../lib/errors/index.js';
import { NatsTestCluster } from '../../lib/testing/index.js';
import { collect, ConnectedJetStream } from '../jetstream/streams/connected-jetstream.js';

it('does not mistake a stream whose only server is down for one without direct access', async () => {
  await using cluster = await NatsTestCluster.start(3);
  await using setup = await ConnectedJetStream.connect(cluster.urls);
  const created = await setup.jetstream.createStream({ name: 'S', subjects: ['s'], allowDirect: true });
  await setup.jetstream.publish('s', 1);
  const home = cluster.servers.find(({ name }) => name === created.cachedInfo.cluster?.leader);
  const [other] = cluster.servers.filter((server) => server !== home);
  await using connected = await ConnectedJetStream.connect(
    other.url,
    { timeout: 1_000 },
    { ignoreClusterUpdates: true },
  );
  const stream = await connected.jetstream.stream('S');
  await home?.stop();
  const began = performance.now();
  await expect(collect(stream.getMessages({ startSequence: 1 }))).rejects.toThrow(NoRespondersError);
  expect(performance.now() - began).toBeLessThan(3_000);
});
