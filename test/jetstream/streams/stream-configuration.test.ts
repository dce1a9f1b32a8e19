import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, afterEach, beforeAll, describe, expect, it, beforeEach } from 'vitest';
import { UnsupportedServerFeatureError } from '../../../lib/errors/index.js';
import type { JetStreamService, StreamConfig } from '../../../lib/jetstream/index.js';
import { NatsTestCluster, NatsTestServer } from '../../../lib/testing/index.js';
import { ConnectedJetStream, uniqueName, startServer, deleteStreams } from './connected-jetstream.js';

let streamName = '';
let origin = '';

beforeEach(() => {
  streamName = uniqueName();
  origin = uniqueName();
});

describe.each(['2.15', '2.10', '2.9'])('the configuration of a stream on nats-server %s', (version) => {
  let server: NatsTestServer;
  let connected: ConnectedJetStream;
  let jetstream: JetStreamService;

  beforeAll(async () => {
    server = await startServer(version);
    connected = await ConnectedJetStream.connect(server.url);
    jetstream = connected.jetstream;
  });
  afterAll(async () => {
    await connected[Symbol.asyncDispose]();
    await server.stop();
  });
  afterEach(async () => {
    await deleteStreams(jetstream);
  });

  it('is reported with every option of 2.9', async () => {
    const config: StreamConfig = {
      name: streamName,
      description: 'every option',
      subjects: ['all.>'],
      retention: 'limits',
      maxConsumers: 7,
      maxMessages: 1_000,
      maxMessagesPerSubject: 10,
      maxBytes: 1_000_000,
      maxAge: 3_600_000,
      maxMessageSize: 10_000,
      discard: 'new',
      discardNewPerSubject: true,
      storage: 'memory',
      replicas: 1,
      noAck: true,
      duplicateWindow: 60_000,
      denyDelete: true,
      denyPurge: true,
      allowRollup: false,
      allowDirect: true,
      republish: { source: 'all.>', destination: 'live.>', headersOnly: true },
    };

    const { cachedInfo } = await jetstream.createStream(config);

    expect(cachedInfo.config).toMatchObject(config);
  });

  it('keeps fractions of a millisecond exact', async () => {
    const { cachedInfo } = await jetstream.createStream({
      name: streamName,
      maxAge: 1_500.25,
      duplicateWindow: 100.5,
    });

    expect(cachedInfo.config).toMatchObject({ maxAge: 1_500.25, duplicateWindow: 100.5 });
  });

  it.each(['interest', 'workqueue'] as const)('supports the retention %s', async (retention) => {
    const { cachedInfo } = await jetstream.createStream({ name: streamName, retention });

    expect(cachedInfo.config.retention).toBe(retention);
  });

  it('seals a stream by update', async () => {
    const { cachedInfo } = await jetstream.createStream({ name: streamName });

    const sealed = await jetstream.updateStream({ ...cachedInfo.config, sealed: true });

    expect(sealed.cachedInfo.config.sealed).toBe(true);
  });

  it('allows rollups', async () => {
    const { cachedInfo } = await jetstream.createStream({ name: streamName, allowRollup: true });

    expect(cachedInfo.config.allowRollup).toBe(true);
  });

  it('mirrors a stream from a sequence on, and reports its progress', async () => {
    await jetstream.createStream({ name: origin, subjects: ['o.>'], allowDirect: true });
    await connected.publish('o.a', 3);

    const mirror = await jetstream.createStream({
      name: streamName,
      mirror: { name: origin, startSequence: 2 },
      mirrorDirect: true,
    });
    await expect.poll(async () => (await mirror.info()).state.messages).toBe(2);

    const { config, mirror: state } = mirror.cachedInfo;
    expect(config).toMatchObject({ mirror: { name: origin, startSequence: 2 }, mirrorDirect: true });
    expect(state).toMatchObject({ name: origin, lag: 0 });
    expect(state?.active).toBeGreaterThan(0);
  });

  it('collects from sources, by subject and time', async () => {
    await jetstream.createStream({ name: origin, subjects: ['o.>'] });
    await connected.publish('o.a', 1);
    await connected.publish('o.b', 2);
    const startTime = new Date(Date.now() - 60_000);

    const stream = await jetstream.createStream({
      name: streamName,
      sources: [{ name: origin, filterSubject: 'o.b', startTime }],
    });
    await expect.poll(async () => (await stream.info()).state.messages).toBe(2);

    expect(stream.cachedInfo.config.sources).toMatchObject([
      { name: origin, filterSubject: 'o.b', startTime },
    ]);
    expect(stream.cachedInfo.sources).toMatchObject([{ name: origin, lag: 0 }]);
  });

  it('reaches a source in another domain', async () => {
    const { cachedInfo } = await jetstream.createStream({
      name: streamName,
      sources: [{ name: origin, domain: 'hub' }],
    });

    expect(cachedInfo.config.sources).toMatchObject([
      { name: origin, external: { apiPrefix: '$JS.hub.API' } },
    ]);
  });

  it('changes subjects of a source, from nats-server 2.10 on', async () => {
    const config: StreamConfig = {
      name: streamName,
      sources: [{ name: origin, subjectTransforms: [{ source: 'o.*', destination: 'p.{{wildcard(1)}}' }] }],
    };
    if (!jetstream.connection.supports('2.10.0')) return expectRefusal(config, 'subjectTransforms', '2.10.0');

    await jetstream.createStream({ name: origin, subjects: ['o.>'] });
    await connected.publish('o.a', 1);
    const stream = await jetstream.createStream(config);
    await expect.poll(async () => (await stream.info()).state.messages).toBe(1);

    expect((await stream.getMessage(1)).subject).toBe('p.a');
    expect(stream.cachedInfo.config.sources).toMatchObject(config.sources ?? []);
    expect(stream.cachedInfo.sources?.[0].subjectTransforms).toMatchObject([{ source: 'o.*' }]);
  });

  it('reads a source through a durable consumer, from nats-server 2.14 on', async () => {
    const config: StreamConfig = {
      name: streamName,
      sources: [{ name: origin, consumer: { name: 'feed', deliverSubject: 'feed.here' } }],
    };
    if (!jetstream.connection.supports('2.14.0')) return expectRefusal(config, 'consumer', '2.14.0');

    const source = await jetstream.createStream({
      name: origin,
      subjects: ['o.>'],
      retention: 'workqueue',
    });
    await source.createPushConsumer({
      durable: 'feed',
      deliverSubject: 'feed.here',
      ackPolicy: 'flow_control',
      flowControl: true,
      idleHeartbeat: 1_000,
    });
    await connected.publish('o.a', 2);
    const stream = await jetstream.createStream(config);

    await expect.poll(async () => (await stream.info()).state.messages).toBe(2);
    expect(stream.cachedInfo.config.sources).toMatchObject(config.sources ?? []);
  });

  it('passes on fields with the names of the server', async () => {
    const { cachedInfo } = await jetstream.createStream({ name: streamName, raw: { max_msgs: 5 } });

    expect(cachedInfo.config.maxMessages).toBe(5);
  });

  it('returns fields of the server that the library does not know', async () => {
    const jsm = await jetstreamManager(connected.nc);
    await jsm.streams.add({ name: streamName, subjects: ['s'] });
    // This library has no option for this field.
    const info = await jsm.streams.info(streamName);
    const answer = JSON.stringify({ ...info, config: { ...info.config, novelty: 7 } });
    const impostor = connected.nc.subscribe(`$JS.new.API.STREAM.INFO.${streamName}`, {
      callback: (_, msg) => void msg.respond(answer),
    });
    await using other = await ConnectedJetStream.connect(server.url, { domain: 'new' });

    const { cachedInfo } = await other.jetstream.stream(streamName);
    impostor.unsubscribe();

    expect(cachedInfo.config.raw).toEqual({ novelty: 7 });
  });

  it('is read correctly by the raw client', async () => {
    await jetstream.createStream({ name: streamName, subjects: ['s'], maxAge: 2_000, allowRollup: true });

    const { config } = await (await jetstreamManager(connected.nc)).streams.info(streamName);

    expect(config).toMatchObject({ max_age: 2_000_000_000, allow_rollup_hdrs: true, subjects: ['s'] });
  });

  async function expectRefusal(config: StreamConfig, option: string, required: string): Promise<void> {
    const error: unknown = await jetstream.createStream(config).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnsupportedServerFeatureError);
    expect(error).toMatchObject({ feature: `The source option ${option}`, required });
  }
});

it('places a stream by cluster and tags', async () => {
  await using server = await NatsTestServer.start({ config: 'server_tags: [ssd, eu]' });
  await using connected = await ConnectedJetStream.connect(server.url);

  const { cachedInfo } = await connected.jetstream.createStream({
    name: streamName,
    placement: { tags: ['ssd'] },
  });

  expect(cachedInfo.config.placement).toMatchObject({ tags: ['ssd'] });
});

it('reports the servers of a replicated stream', async () => {
  await using cluster = await NatsTestCluster.start(3);
  await using connected = await ConnectedJetStream.connect(cluster.urls, { timeout: 20_000 });

  const stream = await connected.jetstream.createStream({ name: streamName, replicas: 3 });
  await expect
    .poll(async () => (await stream.info()).cluster?.replicas.every(({ current }) => current), {
      timeout: 20_000,
    })
    .toBe(true);

  const names = [
    stream.cachedInfo.cluster?.leader,
    ...(stream.cachedInfo.cluster?.replicas ?? []).map(({ name }) => name),
  ];
  expect(new Set(names).size).toBe(3);
  expect(stream.cachedInfo.cluster).toMatchObject({
    replicas: [
      { offline: false, lag: 0 },
      { offline: false, lag: 0 },
    ],
  });
});
