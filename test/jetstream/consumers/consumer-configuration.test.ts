import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { UnsupportedServerFeatureError } from '../../../lib/errors/index.js';
import type {
  ConsumerConfig,
  JetStreamService,
  PushConsumerConfig,
  Stream,
} from '../../../lib/jetstream/index.js';
import { NatsTestServer } from '../../../lib/testing/index.js';
import {
  collect,
  ConnectedJetStream,
  uniqueName,
  startServer,
  deleteStreams,
} from '../streams/connected-jetstream.js';

let streamName = '';

beforeEach(() => {
  streamName = uniqueName();
});

describe.each(['2.15', '2.10', '2.9'])('the configuration of a consumer on nats-server %s', (version) => {
  let server: NatsTestServer;
  let connected: ConnectedJetStream;
  let jetstream: JetStreamService;
  let stream: Stream;

  beforeAll(async () => {
    server = await startServer(version);
    connected = await ConnectedJetStream.connect(server.url);
    jetstream = connected.jetstream;
  });
  afterAll(async () => {
    await connected[Symbol.asyncDispose]();
    await server.stop();
  });
  beforeEach(async () => {
    stream = await jetstream.createStream({ name: streamName, subjects: ['s.>'], storage: 'memory' });
  });
  afterEach(async () => {
    await deleteStreams(jetstream);
  });

  it('of a pull consumer is reported with every option of 2.9', async () => {
    const config: ConsumerConfig = {
      durable: 'd',
      description: 'every option',
      deliverPolicy: 'by_start_sequence',
      startSequence: 5,
      ackPolicy: 'explicit',
      ackWait: 1_000,
      maxDeliver: 4,
      backoff: [1_000, 2_000, 3_000],
      filterSubject: 's.a',
      replayPolicy: 'original',
      sampleFrequency: '50%',
      maxWaiting: 7,
      maxAckPending: 70,
      headersOnly: true,
      maxRequestBatch: 50,
      maxRequestExpires: 10_000,
      maxRequestMaxBytes: 100_000,
      inactiveThreshold: 600_000,
      replicas: 1,
      memoryStorage: true,
    };

    const { cachedInfo } = await stream.createConsumer(config);

    expect(cachedInfo.config).toMatchObject(config);
  });

  it('of a push consumer is reported with every option of 2.9', async () => {
    const config: PushConsumerConfig = {
      durable: 'd',
      deliverSubject: 'deliver.here',
      deliverGroup: 'workers',
      idleHeartbeat: 5_000,
      rateLimitBps: 1_000_000,
      deliverPolicy: 'new',
      ackPolicy: 'all',
      filterSubjects: ['s.a'],
    };
    const flowControlled: PushConsumerConfig = {
      durable: 'f',
      deliverSubject: 'deliver.there',
      idleHeartbeat: 5_000,
      flowControl: true,
    };

    const { filterSubjects: _, ...rest } = config;
    expect((await stream.createPushConsumer(config)).cachedInfo.config).toMatchObject({
      ...rest,
      filterSubject: 's.a',
    });
    expect((await stream.createPushConsumer(flowControlled)).cachedInfo.config).toMatchObject(flowControlled);
  });

  it.each<[string, ConsumerConfig, number[]]>([
    ['all', {}, [1, 2, 3, 4]],
    ['last', { deliverPolicy: 'last' }, [4]],
    ['new', { deliverPolicy: 'new' }, []],
    ['by_start_sequence', { deliverPolicy: 'by_start_sequence', startSequence: 3 }, [3, 4]],
    [
      'by_start_time',
      { deliverPolicy: 'by_start_time', startTime: new Date(Date.now() - 600_000) },
      [1, 2, 3, 4],
    ],
    ['last_per_subject', { deliverPolicy: 'last_per_subject', filterSubject: 's.*' }, [2, 4]],
  ])('starts with deliver policy %s', async (_, config, sequences) => {
    await connected.publish('s.a', 2);
    await connected.publish('s.b', 2);

    const consumer = await stream.createConsumer(config);
    const messages = await collect(consumer.fetchNoWait(10));

    expect(messages.map(({ metadata }) => metadata.streamSequence)).toEqual(sequences);
  });

  it('filters by one subject on every server', async () => {
    await connected.publish('s.a', 1);
    await connected.publish('s.b', 1);

    const one = await stream.createConsumer({ filterSubjects: ['s.b'] });
    const other = await stream.createConsumer({ filterSubject: 's.b' });

    expect((await collect(one.fetchNoWait(10))).map(({ subject }) => subject)).toEqual(['s.b']);
    expect((await collect(other.fetchNoWait(10))).map(({ subject }) => subject)).toEqual(['s.b']);
  });

  it('delivers headers only with headersOnly', async () => {
    await jetstream.publish('s.a', 'twelve bytes');
    const consumer = await stream.createConsumer({ headersOnly: true });

    const message = await consumer.next();

    expect(message?.data).toHaveLength(0);
    expect(message?.headers?.get('Nats-Msg-Size')).toBe('12');
  });
});

describe('the options of a consumer', () => {
  it.each<[string, string, ConsumerConfig | PushConsumerConfig]>([
    ['2.10.0', 'filterSubjects', { filterSubjects: ['s.a', 's.b'] }],
    ['2.10.0', 'metadata', { metadata: { team: 'billing' } }],
    ['2.11.0', 'pauseUntil', { pauseUntil: new Date(Date.now() + 60_000) }],
    ['2.11.0', 'priorityGroups', { priorityGroups: ['g'], priorityPolicy: 'overflow' }],
    [
      '2.11.0',
      'priorityPolicy',
      { priorityPolicy: 'pinned_client', priorityGroups: ['g'], pinnedTtl: 5_000 },
    ],
    ['2.11.0', 'pinnedTtl', { pinnedTtl: 5_000, priorityPolicy: 'pinned_client', priorityGroups: ['g'] }],
    ['2.12.0', 'priorityPolicy "prioritized"', { priorityPolicy: 'prioritized', priorityGroups: ['g'] }],
    [
      '2.14.0',
      'ackPolicy "flow_control"',
      { ackPolicy: 'flow_control', deliverSubject: 'd', flowControl: true, idleHeartbeat: 1_000 },
    ],
  ])('need nats-server %s: %s', async (required, option, options) => {
    for (const version of ['2.15', '2.10', '2.9']) {
      await using server = await NatsTestServer.start({ version });
      await using connected = await ConnectedJetStream.connect(server.url);
      const { jetstream, nc } = connected;
      const stream = await jetstream.createStream({ name: streamName, subjects: ['s.*'] });
      const before = nc.stats().outMsgs;
      const config = { durable: 'd', ...options };

      const outcome: unknown = await (
        config.deliverSubject === undefined
          ? stream.createConsumer(config)
          : stream.createPushConsumer(config)
      )
        .then((consumer) => consumer.cachedInfo.config)
        .catch((error: unknown) => error);

      const supported = jetstream.connection.supports(required);
      const refusal = { feature: `The consumer option ${option}`, required, actual: server.version };
      expect(outcome).toMatchObject(supported ? options : refusal);
      expect(outcome instanceof UnsupportedServerFeatureError).toBe(!supported);
      expect(nc.stats().outMsgs > before).toBe(supported);
    }
  });
});
