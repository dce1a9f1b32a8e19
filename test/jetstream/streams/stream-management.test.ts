import { afterAll, afterEach, beforeAll, describe, expect, it, beforeEach } from 'vitest';
import {
  InvalidArgumentError,
  InvalidStreamNameError,
  InvalidSubjectError,
  JetStreamApiError,
  JetStreamNotEnabledError,
  JetStreamNotEnabledForAccountError,
  StreamExistsError,
  StreamNotFoundError,
  UnsupportedServerFeatureError,
} from '../../../lib/errors/index.js';
import type { JetStreamService, StreamConfig } from '../../../lib/jetstream/index.js';
import { NatsTestServer } from '../../../lib/testing/index.js';
import {
  collect,
  ConnectedJetStream,
  uniqueName,
  startServer,
  deleteStreams,
  KEPT,
} from './connected-jetstream.js';

let streamName = '';

beforeEach(() => {
  streamName = uniqueName();
});

describe.each(['2.15', '2.10', '2.9'])('streams on nats-server %s', (version) => {
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

  describe('createStream', () => {
    it('creates a stream and returns its configuration', async () => {
      const stream = await jetstream.createStream({ name: streamName, subjects: ['orders.>'] });

      expect(stream.name).toBe(streamName);
      expect(stream.cachedInfo.config).toMatchObject({
        subjects: ['orders.>'],
        retention: 'limits',
        maxMessages: -1,
        maxAge: 0,
        duplicateWindow: 120_000,
      });
      expect(stream.cachedInfo.created.getTime()).toBeGreaterThan(Date.now() - 60_000);
    });

    it('accepts an existing stream with the same configuration', async () => {
      const config: StreamConfig = { name: streamName, subjects: ['orders.>'], maxAge: 5_000 };
      const first = await jetstream.createStream(config);
      const second = await jetstream.createStream(config);

      expect(second.cachedInfo.created).toEqual(first.cachedInfo.created);
    });

    it('rejects an existing stream with another configuration', async () => {
      await jetstream.createStream({ name: streamName, subjects: ['orders.>'] });

      const error = await failure(jetstream.createStream({ name: streamName, subjects: ['other.>'] }));

      expect(error).toBeInstanceOf(StreamExistsError);
      expect(error).toMatchObject({ stream: streamName, code: 10058, status: 400 });
      expect((await jetstream.stream(streamName)).cachedInfo.config.subjects).toEqual(['orders.>']);
    });

    it('reports which stream the server refused, and why', async () => {
      await jetstream.createStream({ name: 'A', subjects: ['orders.>'] });

      const error = await failure(jetstream.createStream({ name: 'B', subjects: ['orders.new'] }));

      expect(error).toBeInstanceOf(JetStreamApiError);
      expect((error as Error).message).toMatch(/stream "B": subjects overlap/);
    });
  });

  describe('updateStream', () => {
    it('changes the configuration, and resets omitted options to their defaults', async () => {
      await jetstream.createStream({ name: streamName, subjects: ['orders.>'], description: 'all orders' });

      const stream = await jetstream.updateStream({
        name: streamName,
        subjects: ['orders.*'],
        maxMessages: 10,
      });

      expect(stream.cachedInfo.config).toMatchObject({ subjects: ['orders.*'], maxMessages: 10 });
      expect(stream.cachedInfo.config.description).toBeUndefined();
    });

    it('accepts the configuration that the server reports', async () => {
      const { cachedInfo } = await jetstream.createStream({
        name: streamName,
        maxAge: 60_000,
        allowDirect: true,
      });

      const stream = await jetstream.updateStream({ ...cachedInfo.config, description: 'changed' });

      const { metadata: _, ...config } = stream.cachedInfo.config;
      expect(config).toMatchObject({ maxAge: 60_000, allowDirect: true, description: 'changed' });
    });

    it('rejects a stream that does not exist', async () => {
      expect(await failure(jetstream.updateStream({ name: 'NONE' }))).toMatchObject({
        name: 'StreamNotFoundError',
        stream: 'NONE',
        code: 10059,
      });
    });

    it('passes on the error for an option that cannot change', async () => {
      await jetstream.createStream({ name: streamName, storage: 'memory' });

      const error = await failure(jetstream.updateStream({ name: streamName, storage: 'file' }));

      expect(error).toBeInstanceOf(JetStreamApiError);
      expect((error as Error).message).toContain(`"${streamName}"`);
    });
  });

  it('createOrUpdateStream creates or updates a stream', async () => {
    const created = await jetstream.createOrUpdateStream({ name: streamName, maxMessages: 5 });
    const updated = await jetstream.createOrUpdateStream({ name: streamName, maxMessages: 6 });

    expect(created.cachedInfo.config.maxMessages).toBe(5);
    expect(updated.cachedInfo.config.maxMessages).toBe(6);
    expect(updated.cachedInfo.created).toEqual(created.cachedInfo.created);
  });

  it('stream() returns a stream, and rejects if it does not exist', async () => {
    await jetstream.createStream({ name: streamName });

    expect((await jetstream.stream(streamName)).name).toBe(streamName);
    expect(await failure(jetstream.stream('NONE'))).toBeInstanceOf(StreamNotFoundError);
  });

  it('deleteStream deletes a stream, and rejects if it does not exist', async () => {
    await jetstream.createStream({ name: streamName });

    await jetstream.deleteStream(streamName);

    expect(await failure(jetstream.stream(streamName))).toBeInstanceOf(StreamNotFoundError);
    expect(await failure(jetstream.deleteStream(streamName))).toBeInstanceOf(StreamNotFoundError);
  });

  it('listStreams and streamNames list all, or those of a subject, over all pages', async () => {
    // The server's pages of streams hold 256.
    const names = Array.from({ length: 260 }, (_, i) => `L${i}`);
    for (const name of names)
      await jetstream.createStream({ name, subjects: [`l.${name}`], storage: 'memory' });

    const listed = (await collect(jetstream.listStreams())).map(({ config }) => config.name);
    expect(listed.toSorted()).toEqual([KEPT, ...names].toSorted());
    expect((await collect(jetstream.streamNames())).toSorted()).toEqual([KEPT, ...names].toSorted());
    expect(await collect(jetstream.streamNames({ subject: 'l.L7' }))).toEqual(['L7']);
    expect(
      (await collect(jetstream.listStreams({ subject: 'l.L7' }))).map((info) => info.config.name),
    ).toEqual(['L7']);
    expect(await collect(jetstream.streamNames({ subject: 'none' }))).toEqual([]);
  });

  it('streamNameBySubject finds the stream of a subject', async () => {
    await jetstream.createStream({ name: streamName, subjects: ['orders.>'] });

    expect(await jetstream.streamNameBySubject('orders.new')).toBe(streamName);
    expect(await failure(jetstream.streamNameBySubject('bills.new'))).toMatchObject({
      name: 'StreamNotFoundError',
      subject: 'bills.new',
    });
  });

  it('accountInfo reports the usage of the account', async () => {
    await jetstream.createStream({ name: streamName, storage: 'memory' });

    expect(await jetstream.accountInfo()).toMatchObject({
      streams: 2,
      consumers: 0,
      limits: { maxStreams: -1, maxBytesRequired: false },
      tiers: {},
    });
  });

  it('is reached under an API prefix', async () => {
    await using other = await ConnectedJetStream.connect(server.url, { apiPrefix: '$JS.API' });
    await using lost = await ConnectedJetStream.connect(server.url, { domain: 'nowhere' });

    expect((await other.jetstream.accountInfo()).streams).toBe(1);
    expect(other.jetstream.options.codec.contentType).toBe('application/json');
    expect(await failure(lost.jetstream.accountInfo())).toMatchObject({
      name: 'JetStreamNotEnabledError',
      apiPrefix: '$JS.nowhere.API',
    });
  });

  it.each(['', 'a.b', 'a b', 'a*', 'a>', 'a/b', 'a\\b', 'a\tb', 'a\u0000', 'a'.repeat(256), 'ü'.repeat(128)])(
    'rejects the name %j before anything is sent',
    async (name) => {
      for (const attempt of [
        () => jetstream.createStream({ name }),
        () => jetstream.updateStream({ name }),
        () => jetstream.stream(name),
        () => jetstream.deleteStream(name),
        () => jetstream.createConsumer(name, {}),
      ]) {
        expect(await unsent(attempt)).toBeInstanceOf(InvalidStreamNameError);
      }
    },
  );

  it.each<[string, StreamConfig, string]>([
    ['a negative size', { name: 'S', maxBytes: -2 }, 'maxBytes'],
    ['half a message', { name: 'S', maxMessages: 1.5 }, 'maxMessages'],
    ['a negative age', { name: 'S', maxAge: -1 }, 'maxAge'],
    ['an age that is not a number', { name: 'S', maxAge: Number.NaN }, 'maxAge'],
    ['six replicas', { name: 'S', replicas: 6 }, 'replicas'],
    ['a mirror with subjects', { name: 'S', subjects: ['s'], mirror: { name: 'O' } }, 'subjects'],
    ['discardNewPerSubject alone', { name: 'S', discardNewPerSubject: true }, 'discardNewPerSubject'],
    [
      'a domain together with external',
      { name: 'S', mirror: { name: 'O', domain: 'd', external: { apiPrefix: 'x' } } },
      'mirror.domain',
    ],
    [
      'a half sequence in a source',
      { name: 'S', sources: [{ name: 'O', startSequence: 0.5 }] },
      'sources[0].startSequence',
    ],
    ['an unknown option', { name: 'S', maxMsgs: 5 } as unknown as StreamConfig, 'options of a stream'],
    ['an unknown retention', { name: 'S', retention: 'forever' } as unknown as StreamConfig, 'retention'],
    ['an invalid date', { name: 'S', mirror: { name: 'O', startTime: new Date('x') } }, 'mirror.startTime'],
  ])('rejects %s before anything is sent', async (_, config, argument) => {
    const error = await unsent(() => jetstream.createStream(config));

    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(error).toMatchObject({ argument });
  });

  it.each(['', 'a..b', '.a', 'a.', 'a b', 'a.>.b'])(
    'rejects the subject %j before anything is sent',
    async (subject) => {
      expect(await unsent(() => jetstream.createStream({ name: 'S', subjects: [subject] }))).toBeInstanceOf(
        InvalidSubjectError,
      );
      expect(await unsent(() => jetstream.streamNameBySubject(subject))).toBeInstanceOf(InvalidSubjectError);
    },
  );

  /** The error of an attempt that must not have sent anything. */
  async function unsent(attempt: () => Promise<unknown>): Promise<unknown> {
    const before = connected.nc.stats().outMsgs;
    const error = await failure(attempt());
    expect(connected.nc.stats().outMsgs).toBe(before);
    return error;
  }
});

describe('the options of a stream', () => {
  it.each<[string, string, Partial<StreamConfig>]>([
    ['2.10.0', 'compression', { compression: 's2' }],
    ['2.10.0', 'firstSequence', { firstSequence: 1_000 }],
    ['2.10.0', 'subjectTransform', { subjectTransform: { source: 's.*', destination: 't.{{wildcard(1)}}' } }],
    ['2.10.0', 'consumerLimits', { consumerLimits: { inactiveThreshold: 60_000, maxAckPending: 5 } }],
    ['2.10.0', 'metadata', { metadata: { team: 'billing' } }],
    ['2.11.0', 'allowMessageTtl', { allowMessageTtl: true }],
    ['2.11.0', 'subjectDeleteMarkerTtl', { subjectDeleteMarkerTtl: 5_000 }],
    ['2.12.0', 'allowMessageCounter', { allowMessageCounter: true }],
    ['2.12.0', 'allowAtomicPublish', { allowAtomicPublish: true }],
    ['2.12.0', 'allowMessageSchedules', { allowMessageSchedules: true }],
    ['2.12.0', 'persistMode', { persistMode: 'async' }],
    ['2.14.0', 'allowBatchPublish', { allowBatchPublish: true }],
  ])('need nats-server %s: %s', async (required, option, options) => {
    for (const version of ['2.15', '2.10', '2.9']) {
      await using server = await NatsTestServer.start({ version });
      await using connected = await ConnectedJetStream.connect(server.url);
      const { jetstream, nc } = connected;
      const before = nc.stats().outMsgs;

      const outcome: unknown = await jetstream
        .createStream({ name: 'S', subjects: ['s.*'], ...options })
        .then(({ cachedInfo }) => cachedInfo.config)
        .catch((error: unknown) => error);

      const supported = jetstream.connection.supports(required);
      const refusal = { feature: `The stream option ${option}`, required, actual: server.version };
      expect(outcome).toMatchObject(supported ? options : refusal);
      expect(outcome instanceof UnsupportedServerFeatureError).toBe(!supported);
      expect(nc.stats().outMsgs > before).toBe(supported);
    }
  });
});

describe('a server or account without JetStream', () => {
  it('fails with its own error: the server', async () => {
    await using server = await NatsTestServer.start({ jetstream: false });
    await using connected = await ConnectedJetStream.connect(server.url);

    expect(await failure(connected.jetstream.accountInfo())).toBeInstanceOf(JetStreamNotEnabledError);
    expect(await failure(connected.jetstream.createStream({ name: 'S' }))).toBeInstanceOf(
      JetStreamNotEnabledError,
    );
  });

  it('fails with its own error: the account', async () => {
    await using server = await NatsTestServer.start({
      accounts: { A: { users: [{ user: 'a' }], jetstream: false } },
      noAuthUser: 'a',
    });
    await using connected = await ConnectedJetStream.connect(server.url);

    expect(await failure(connected.jetstream.accountInfo())).toBeInstanceOf(
      JetStreamNotEnabledForAccountError,
    );
  });
});

async function failure(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.then(
    (value) => expect.fail(`it should have failed, and gave ${String(value)}`),
    (error: unknown) => error,
  );
}
