import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ConsumerExistsError,
  ConsumerNotFoundError,
  InvalidArgumentError,
  InvalidConsumerNameError,
  InvalidConsumerResetError,
  InvalidSubjectError,
  JetStreamApiError,
  MaxConsumersExceededError,
  NotAPullConsumerError,
  NotAPushConsumerError,
  StreamNotFoundError,
  UnsupportedServerFeatureError,
} from '../../../lib/errors/index.js';
import type {
  ConsumerConfig,
  JetStreamService,
  PushConsumerConfig,
  Stream,
} from '../../../lib/jetstream/index.js';
import type { NatsTestServer } from '../../../lib/testing/index.js';
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

describe.each(['2.15', '2.10', '2.9'])('consumers on nats-server %s', (version) => {
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

  describe('createConsumer', () => {
    it('creates a durable, a named and an unnamed consumer', async () => {
      const durable = await stream.createConsumer({ durable: 'd' });
      const named = await stream.createConsumer({ name: 'n' });
      const nameless = await jetstream.createConsumer(streamName, {});

      expect(durable.cachedInfo.config).toMatchObject({
        durable: 'd',
        ackPolicy: 'explicit',
        ackWait: 30_000,
      });
      expect(named.name).toBe('n');
      expect(named.cachedInfo.config.durable).toBeUndefined();
      expect(nameless.name).not.toBe('');
      expect(nameless.stream).toBe(streamName);
    });

    it('accepts an existing consumer with the same configuration', async () => {
      const config: ConsumerConfig = {
        durable: 'd',
        filterSubjects: ['s.a'],
        ackWait: 5_000,
        maxAckPending: 10,
        deliverPolicy: 'by_start_time',
        startTime: new Date(1_700_000_000_000),
      };
      const first = await stream.createConsumer(config);
      const second = await stream.createConsumer(config);

      expect(second.cachedInfo.created).toEqual(first.cachedInfo.created);
    });

    it.each<[string, ConsumerConfig]>([
      ['another option', { durable: 'd', ackWait: 6_000 }],
      ['an option less', { durable: 'd' }],
      ['an option more', { durable: 'd', ackWait: 5_000, headersOnly: true }],
    ])('rejects an existing consumer with %s', async (_, config) => {
      await stream.createConsumer({ durable: 'd', ackWait: 5_000 });

      const error: unknown = await stream.createConsumer(config).catch((thrown: unknown) => thrown);

      expect(error).toBeInstanceOf(ConsumerExistsError);
      expect(error).toMatchObject({ stream: streamName, consumer: 'd', code: 10148 });
      expect((await stream.consumer('d')).cachedInfo.config.ackWait).toBe(5_000);
    });

    it('rejects a stream that does not exist', async () => {
      await expect(jetstream.createConsumer('NONE', {})).rejects.toThrow(StreamNotFoundError);
    });

    it('rejects more consumers than the stream allows', async () => {
      await jetstream.createStream({ name: 'T', maxConsumers: 1 });
      await jetstream.createConsumer('T', { durable: 'one' });

      await expect(jetstream.createConsumer('T', { durable: 'two' })).rejects.toThrow(
        MaxConsumersExceededError,
      );
    });
  });

  describe('updateConsumer', () => {
    it('changes a consumer', async () => {
      await stream.createConsumer({ durable: 'd', ackWait: 5_000 });

      const consumer = await stream.updateConsumer({ durable: 'd', ackWait: 6_000 });

      expect(consumer.cachedInfo.config.ackWait).toBe(6_000);
    });

    it('accepts the configuration that the server reports', async () => {
      const { cachedInfo } = await jetstream.createConsumer(streamName, {
        durable: 'd',
        filterSubjects: ['s.a'],
      });

      const consumer = await jetstream.updateConsumer(streamName, { ...cachedInfo.config, maxAckPending: 7 });

      expect(consumer.cachedInfo.config).toMatchObject({ filterSubject: 's.a', maxAckPending: 7 });
    });

    it('rejects a consumer that does not exist', async () => {
      await expect(stream.updateConsumer({ durable: 'd' })).rejects.toThrow(ConsumerNotFoundError);
      await expect(stream.consumer('d')).rejects.toThrow(ConsumerNotFoundError);
    });

    it('passes on the error for an option that cannot change', async () => {
      await stream.createConsumer({ durable: 'd' });

      const error: unknown = await stream
        .updateConsumer({ durable: 'd', ackPolicy: 'none' })
        .catch((thrown: unknown) => thrown);

      expect(error).toBeInstanceOf(JetStreamApiError);
      expect((error as Error).message).toContain(`stream "${streamName}", consumer "d"`);
    });
  });

  it('createOrUpdateConsumer creates or updates a consumer', async () => {
    const created = await jetstream.createOrUpdateConsumer(streamName, { durable: 'd', ackWait: 5_000 });
    const updated = await stream.createOrUpdateConsumer({ durable: 'd', ackWait: 6_000 });

    expect(updated.cachedInfo.created).toEqual(created.cachedInfo.created);
    expect(updated.cachedInfo.config.ackWait).toBe(6_000);
  });

  it('consumer() returns a consumer, and rejects if it does not exist', async () => {
    await stream.createConsumer({ durable: 'd' });

    expect((await jetstream.consumer(streamName, 'd')).name).toBe('d');
    await expect(jetstream.consumer(streamName, 'none')).rejects.toMatchObject({
      name: 'ConsumerNotFoundError',
      stream: streamName,
      consumer: 'none',
      code: 10014,
    });
  });

  it('deleteConsumer deletes a consumer, and rejects if it does not exist', async () => {
    await stream.createConsumer({ durable: 'd' });

    await jetstream.deleteConsumer(streamName, 'd');

    await expect(stream.consumer('d')).rejects.toThrow(ConsumerNotFoundError);
    await expect(stream.deleteConsumer('d')).rejects.toThrow(ConsumerNotFoundError);
  });

  describe('push consumers', () => {
    const config: PushConsumerConfig = { durable: 'p', deliverSubject: 'deliver.p', idleHeartbeat: 5_000 };

    it('are created, and rejected if they exist with another configuration', async () => {
      const first = await stream.createPushConsumer(config);
      const second = await jetstream.createPushConsumer(streamName, config);

      expect(second.cachedInfo.created).toEqual(first.cachedInfo.created);
      expect(first.cachedInfo.config).toMatchObject(config);
      await expect(stream.createPushConsumer({ ...config, headersOnly: true })).rejects.toThrow(
        ConsumerExistsError,
      );
    });

    it('are updated, and rejected if they do not exist', async () => {
      await expect(stream.updatePushConsumer(config)).rejects.toThrow(ConsumerNotFoundError);
      await jetstream.createOrUpdatePushConsumer(streamName, config);

      const updated = await jetstream.updatePushConsumer(streamName, { ...config, maxAckPending: 5 });
      const again = await stream.createOrUpdatePushConsumer({ ...config, maxAckPending: 6 });

      expect(updated.cachedInfo.config.maxAckPending).toBe(5);
      expect(again.cachedInfo.config.maxAckPending).toBe(6);
    });

    it('are looked up, and report their state', async () => {
      await stream.createPushConsumer(config);

      const consumer = await jetstream.pushConsumer(streamName, 'p');

      expect(await consumer.info()).toMatchObject({ name: 'p', pushBound: false, numWaiting: 0 });
      await expect(stream.pushConsumer('none')).rejects.toThrow(ConsumerNotFoundError);
    });

    it('accept the configuration that the server reports', async () => {
      const { cachedInfo } = await stream.createPushConsumer(config);

      const updated = await stream.updatePushConsumer({ ...cachedInfo.config, maxAckPending: 7 });

      expect(updated.cachedInfo.config).toMatchObject({ ...config, maxAckPending: 7 });
    });

    it('are distinguished from pull consumers', async () => {
      await stream.createPushConsumer(config);
      await stream.createConsumer({ durable: 'pull' });

      await expect(stream.consumer('p')).rejects.toThrow(NotAPullConsumerError);
      await expect(stream.pushConsumer('pull')).rejects.toThrow(NotAPushConsumerError);
      await expect(stream.consumer('p')).rejects.toThrow(`"p" on stream "${streamName}" is a push consumer`);
    });

    it.each(['create', 'update', 'createOrUpdate'] as const)(
      '%s reports that the consumer is of the other kind',
      async (action) => {
        await stream.createPushConsumer({ durable: 'push', deliverSubject: 'deliver' });
        await stream.createConsumer({ durable: 'pull' });

        const asPull = stream[`${action}Consumer`]({ durable: 'push' });
        await expect(asPull).rejects.toThrow(NotAPullConsumerError);
        const asPush = stream[`${action}PushConsumer`]({ durable: 'pull', deliverSubject: 'deliver' });
        await expect(asPush).rejects.toThrow(NotAPushConsumerError);
      },
    );

    it('require a deliverSubject, which pull consumers must not have', async () => {
      const none = { durable: 'p' } as PushConsumerConfig;
      const one = { durable: 'p', deliverSubject: 'd' } as unknown as ConsumerConfig;

      for (const attempt of [
        stream.createPushConsumer(none),
        stream.updatePushConsumer(none),
        jetstream.createOrUpdatePushConsumer(streamName, none),
        stream.createConsumer(one),
        stream.updateConsumer(one),
        jetstream.createOrUpdateConsumer(streamName, one),
      ]) {
        await expect(attempt).rejects.toMatchObject({
          name: 'InvalidArgumentError',
          argument: 'deliverSubject',
        });
      }
      expect(await collect(stream.consumerNames())).toEqual([]);
    });
  });

  it('listConsumers and consumerNames list all, over all pages', async () => {
    // The server's pages of consumers hold 256, those of names 1,024.
    const names = Array.from({ length: 260 }, (_, i) => `c${i}`);
    for (const name of names)
      await stream.createConsumer({ name, memoryStorage: true, inactiveThreshold: 60_000 });

    const listed = (await collect(stream.listConsumers())).map(({ name }) => name);

    expect(listed.toSorted()).toEqual(names.toSorted());
    expect((await collect(jetstream.consumerNames(streamName))).toSorted()).toEqual(names.toSorted());
    expect(await collect(jetstream.listConsumers(streamName))).toHaveLength(260);
    await expect(collect(jetstream.consumerNames('NONE'))).rejects.toThrow(StreamNotFoundError);
  });

  it('info reports the state of a consumer, and stores it as cachedInfo', async () => {
    const consumer = await stream.createConsumer({ durable: 'd' });
    await connected.publish('s.a', 3);
    const first = await consumer.next();
    await first?.doubleAck();
    await consumer.next();

    const info = await consumer.info();

    expect(info).toMatchObject({
      numPending: 1,
      numAckPending: 1,
      numRedelivered: 0,
      delivered: { consumerSequence: 2, streamSequence: 2 },
      ackFloor: { consumerSequence: 1, streamSequence: 1 },
      paused: false,
      priorityGroups: [],
    });
    expect(Math.abs(Date.now() - Number(info.delivered.lastActive))).toBeLessThan(60_000);
    expect(consumer.cachedInfo).toBe(info);
    await stream.deleteConsumer('d');
    await expect(consumer.info()).rejects.toThrow(ConsumerNotFoundError);
  });

  describe('pauseConsumer and resumeConsumer', () => {
    it.runIf(version === '2.15')('stop and restart delivery', async () => {
      const consumer = await stream.createConsumer({ durable: 'd' });
      await connected.publish('s.a', 1);
      const until = new Date(Date.now() + 60_000);

      const paused = await stream.pauseConsumer('d', until);
      expect(paused).toMatchObject({ paused: true, pauseUntil: until });
      expect(paused.pauseRemaining).toBeGreaterThan(50_000);
      expect(await consumer.info()).toMatchObject({ paused: true, config: { pauseUntil: until } });
      expect(await consumer.next({ maxWait: 100 })).toBeUndefined();

      expect(await jetstream.resumeConsumer(streamName, 'd')).toEqual({ paused: false });
      expect((await consumer.next())?.subject).toBe('s.a');
      await jetstream.pauseConsumer(streamName, 'd', until);
      expect((await stream.resumeConsumer('d')).paused).toBe(false);
    });

    it.runIf(version === '2.15')('reject a missing consumer and an invalid time', async () => {
      await expect(stream.pauseConsumer('none', new Date())).rejects.toThrow(ConsumerNotFoundError);
      await expect(stream.resumeConsumer('none')).rejects.toThrow(ConsumerNotFoundError);
      await expect(stream.pauseConsumer('d', new Date('x'))).rejects.toThrow(InvalidArgumentError);
    });

    it.skipIf(version === '2.15')('need nats-server 2.11', async () => {
      const refusal = { feature: 'Pausing a consumer', required: '2.11.0', actual: server.version };

      await expect(stream.pauseConsumer('d', new Date())).rejects.toMatchObject(refusal);
      await expect(jetstream.resumeConsumer(streamName, 'd')).rejects.toMatchObject(refusal);
    });
  });

  describe('unpinConsumer', () => {
    it.runIf(version === '2.15')('removes the pin of a client', async () => {
      const consumer = await stream.createConsumer({
        durable: 'd',
        priorityPolicy: 'pinned_client',
        priorityGroups: ['g'],
        pinnedTtl: 10_000,
      });
      await connected.publish('s.a', 2);
      expect(await consumer.next({ priorityGroup: 'g' })).toBeDefined();
      const [pinned] = (await consumer.info()).priorityGroups;
      expect(pinned).toMatchObject({ group: 'g' });
      expect(pinned.pinnedClientId).not.toBe('');
      expect(Math.abs(Date.now() - Number(pinned.pinnedSince))).toBeLessThan(60_000);

      await stream.unpinConsumer('d', 'g');

      expect((await consumer.info()).priorityGroups[0]?.pinnedClientId).toBeUndefined();
      await expect(jetstream.unpinConsumer(streamName, 'none', 'g')).rejects.toThrow(ConsumerNotFoundError);
      await expect(stream.unpinConsumer('d', '')).rejects.toThrow(InvalidArgumentError);
    });

    it.skipIf(version === '2.15')('needs nats-server 2.11', async () => {
      await expect(stream.unpinConsumer('d', 'g')).rejects.toMatchObject({
        feature: 'Unpinning a consumer',
        required: '2.11.0',
      });
    });
  });

  describe('resetConsumer', () => {
    it.runIf(version === '2.15')('of a consumer or stream that does not exist fails at once', async () => {
      await expect(stream.resetConsumer('none')).rejects.toThrow(ConsumerNotFoundError);
      await expect(jetstream.resetConsumer('NONE', 'd')).rejects.toThrow(StreamNotFoundError);
    });

    it.runIf(version === '2.15')('goes back to the acknowledgement floor, or to a sequence', async () => {
      const consumer = await stream.createConsumer({ durable: 'd' });
      await connected.publish('s.a', 5);
      const batch = await collect(consumer.fetch(4));
      await batch[0].doubleAck();

      const toFloor = await stream.resetConsumer('d');
      expect(toFloor).toMatchObject({ sequence: 2, info: { name: 'd', numAckPending: 0 } });
      expect((await consumer.next())?.metadata.streamSequence).toBe(2);

      const toSequence = await jetstream.resetConsumer(streamName, 'd', { sequence: 4 });
      expect(toSequence.sequence).toBe(4);
      expect((await consumer.next())?.metadata.streamSequence).toBe(4);
    });

    it.runIf(version === '2.15')('rejects a sequence that the deliver policy does not allow', async () => {
      await connected.publish('s.a', 5);
      await stream.createConsumer({ durable: 'd', deliverPolicy: 'by_start_sequence', startSequence: 3 });

      await expect(stream.resetConsumer('d', { sequence: 1 })).rejects.toThrow(InvalidConsumerResetError);
      await expect(stream.resetConsumer('d', { sequence: 0.5 })).rejects.toThrow(InvalidArgumentError);
    });

    // The server does not answer a reset of a consumer that does not exist.
    it.runIf(version === '2.15')('rejects a consumer and a stream that do not exist', async () => {
      await expect(stream.resetConsumer('d')).rejects.toThrow(ConsumerNotFoundError);
      await expect(jetstream.resetConsumer('nope', 'd')).rejects.toThrow(StreamNotFoundError);
    });

    it.skipIf(version === '2.15')('needs nats-server 2.14', async () => {
      const refused = stream.resetConsumer('d');
      await expect(refused).rejects.toThrow(UnsupportedServerFeatureError);
      await expect(refused).rejects.toMatchObject({ feature: 'Resetting a consumer', required: '2.14.0' });
    });
  });

  it('accepts names of 255 bytes', async () => {
    const name = 'n'.repeat(255);
    const long = await connected.jetstream.createStream({ name, subjects: [name], storage: 'memory' });
    const consumer = await long.createConsumer({ durable: name });
    await connected.jetstream.publish(name, 'x');
    const message = await consumer.next();
    await message?.doubleAck();
    expect(await consumer.info()).toMatchObject({ name, numPending: 0, numAckPending: 0 });
    await connected.jetstream.deleteStream(name);
  });

  it.each(['', 'a.b', 'a b', 'a*', 'a>', 'a/b', 'a\\b', 'a\n', 'a'.repeat(256), 'ü'.repeat(128)])(
    'rejects the name %j before anything is sent',
    async (name) => {
      const before = connected.nc.stats().outMsgs;
      for (const attempt of [
        stream.createConsumer({ name }),
        stream.createConsumer({ durable: name }),
        stream.updateConsumer({ durable: name }),
        stream.createPushConsumer({ durable: name, deliverSubject: 'd' }),
        stream.consumer(name),
        stream.pushConsumer(name),
        stream.deleteConsumer(name),
        stream.orderedConsumer({ namePrefix: name }),
      ]) {
        await expect(attempt).rejects.toThrow(InvalidConsumerNameError);
      }
      expect(connected.nc.stats().outMsgs).toBe(before);
    },
  );

  it.each<[string, ConsumerConfig | PushConsumerConfig, string]>([
    ['a name together with another durable', { name: 'a', durable: 'b' }, 'name'],
    ['a filter together with filters', { filterSubject: 's.a', filterSubjects: ['s.b'] }, 'filterSubject'],
    ['a sequence without its policy', { startSequence: 5 }, 'startSequence'],
    ['a policy without its sequence', { deliverPolicy: 'by_start_sequence' }, 'startSequence'],
    ['a time without its policy', { startTime: new Date() }, 'startTime'],
    ['more backoff than deliveries', { backoff: [1, 2, 3], maxDeliver: 2 }, 'backoff'],
    ['a backoff of words', { backoff: ['x'] } as unknown as ConsumerConfig, 'backoff[0]'],
    ['a negative wait', { ackWait: -1 }, 'ackWait'],
    ['half a message', { maxAckPending: 0.5 }, 'maxAckPending'],
    ['flow control without heartbeat', { deliverSubject: 'd', flowControl: true }, 'flowControl'],
    ['a queue group for a pull consumer', { deliverGroup: 'g' } as unknown as ConsumerConfig, 'deliverGroup'],
    [
      'pull requests of a push consumer',
      { deliverSubject: 'd', maxWaiting: 5 } as PushConsumerConfig,
      'maxWaiting',
    ],
    ['an unknown option', { concurrency: 5 } as unknown as ConsumerConfig, 'concurrency'],
    ['an unknown policy', { ackPolicy: 'maybe' } as unknown as ConsumerConfig, 'ackPolicy'],
  ])('rejects %s before anything is sent', async (_, config, argument) => {
    const before = connected.nc.stats().outMsgs;
    const attempt =
      config.deliverSubject === undefined ? stream.createConsumer(config) : stream.createPushConsumer(config);

    await expect(attempt).rejects.toMatchObject({ name: 'InvalidArgumentError', argument });
    expect(connected.nc.stats().outMsgs).toBe(before);
  });

  it.each(['', 'a..b', 'a b', 's.>.a'])('rejects the filter %j before anything is sent', async (filter) => {
    const before = connected.nc.stats().outMsgs;

    await expect(stream.createConsumer({ filterSubject: filter })).rejects.toThrow(InvalidSubjectError);
    await expect(stream.createConsumer({ filterSubjects: [filter] })).rejects.toThrow(InvalidSubjectError);
    expect(connected.nc.stats().outMsgs).toBe(before);
  });
});
