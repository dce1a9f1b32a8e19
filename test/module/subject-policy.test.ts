import { Module, type ModuleMetadata } from '@nestjs/common';
import {
  ConfigMismatchError,
  getStreamToken,
  JetStreamModule,
  JetStreamService,
  type JetStreamModuleOptions,
  type Stream,
  type StreamConfig,
  type StreamDeclaration,
} from 'nestjs-nats-jetstream';
import { NatsTestCluster, NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ModuleProcess } from '../consuming/idempotence/module-process.js';
import { ConnectedJetStream } from '../jetstream/streams/connected-jetstream.js';
import { startMicroservice } from '../microservice/microservice.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { BundledModule } from '../support/bundled-module.js';
import { eventually } from '../support/eventually.js';

const MEMORY = { storage: 'memory' } as const;

describe.each(['2.15', '2.9'])("subjectPolicy: 'merge' on nats-server %s", (version) => {
  let server: NatsTestServer;
  let owner: ConnectedJetStream;
  let serial = 0;
  let name = '';

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
    owner = await ConnectedJetStream.connect(server.url);
  });
  afterEach(async () => {
    for await (const stream of owner.jetstream.streamNames()) await owner.jetstream.deleteStream(stream);
  });
  afterAll(async () => {
    await owner[Symbol.asyncDispose]();
    await server.stop();
  });

  /** Starts an application that declares the stream with its own subjects. */
  function start(
    declaration: Partial<StreamDeclaration>,
    options: Omit<JetStreamModuleOptions, 'connection'> = {},
    metadata: ModuleMetadata = {},
  ): Promise<TestApplication> {
    return startApplication(server.url, {
      ...metadata,
      options,
      feature: { streams: [{ name, subjectPolicy: 'merge', ...MEMORY, ...declaration }] },
    });
  }

  function create(config: Partial<StreamConfig>): Promise<Stream> {
    name = `S${++serial}`;
    return owner.jetstream.createStream({ name, ...MEMORY, ...config });
  }

  const config = async (): Promise<StreamConfig> => (await owner.jetstream.stream(name)).cachedInfo.config;
  const subjects = async (): Promise<readonly string[]> => [...((await config()).subjects ?? [])].sort();

  const merged: [string, readonly string[] | undefined, readonly string[] | undefined, readonly string[]][] =
    [
      ['no stream', undefined, ['a'], ['a']],
      ['another subject', ['a'], ['b'], ['a', 'b']],
      ['the same subject', ['a'], ['a'], ['a']],
      ['the same subjects in another order', ['a', 'b'], ['b', 'a'], ['a', 'b']],
      ['some of the subjects', ['a', 'b', 'c'], ['b'], ['a', 'b', 'c']],
      ['several subjects, one of them new', ['a', 'b'], ['b', 'c'], ['a', 'b', 'c']],
      ['a subject that is covered', ['a.>'], ['a.b'], ['a.>']],
      ['a pattern that is covered', ['a.>'], ['a.*.c', 'd'], ['a.>', 'd']],
      ['a subject that covers one', ['a.b', 'c'], ['a.*'], ['a.*', 'c']],
      ['a subject that covers several', ['a.b', 'a.c', 'a.*.d', 'e'], ['a.>'], ['a.>', 'e']],
      ['a subject that covers a pattern', ['a.*'], ['a.>'], ['a.>']],
      ['no subjects', ['a', 'b'], undefined, ['a', 'b']],
      ['an empty list', ['a', 'b'], [], ['a', 'b']],
    ];
  it.each(merged)('merges %s: %j and %j', async (_, existing, declared, expected) => {
    if (existing === undefined) name = `S${++serial}`;
    else await create({ subjects: existing });
    await using application = await start({ subjects: declared });
    expect(await subjects()).toEqual([...expected].sort());
    const same = existing !== undefined && existing.length === expected.length;
    const isUnchanged = same && existing.every((subject) => expected.includes(subject));
    expect(application.logs.of('log', 'JetStreamProvisioning')).toHaveLength(isUnchanged ? 0 : 1);
    expect(application.logs.of('warn')).toEqual([]);
  });

  const overlapping: [readonly string[], readonly string[], string, string][] = [
    [['a.*.c'], ['a.b.*'], 'a.b.*', 'a.*.c'],
    [['x', 'c.*.b'], ['y', 'c.a.*'], 'c.a.*', 'c.*.b'],
    [['a.*.c', 'a.b.d'], ['a.b.*'], 'a.b.*', 'a.*.c'],
  ];
  it.each(overlapping)('refuses to merge %j with %j', async (existing, declared, subject, other) => {
    await create({ subjects: existing });
    const failed = await start({ subjects: declared }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ConfigMismatchError);
    expect(String(failed)).toContain(
      `Stream "${name}" does not match its declaration (the declared subject `,
    );
    expect(String(failed)).toContain(`"${subject}" matches some, but not all messages of "${other}"`);
    expect(await subjects()).toEqual([...existing].sort());
  });

  it('does not take a subject of another stream', async () => {
    await create({ subjects: ['a'] });
    await owner.jetstream.createStream({ name: 'OTHER', subjects: ['b.>'], ...MEMORY });
    await expect(start({ subjects: ['b.c'] })).rejects.toThrow('subjects overlap with an existing stream');
    expect(await subjects()).toEqual(['a']);
  });

  it('changes other options as provisioning says', async () => {
    await create({ subjects: ['a'], maxMessages: 5, description: 'of an operator' });
    await expect(start({ subjects: ['b'] }, { provisioning: 'assert' })).rejects.toThrow(
      `Stream "${name}" does not match its declaration (subjects: ["a"] → ["a","b"])`,
    );
    await expect(start({ subjects: ['a'], maxMessages: 7 }, { provisioning: 'assert' })).rejects.toThrow(
      'maxMessages: 5 → 7',
    );
    {
      await using _ = await start({ subjects: ['b'], maxMessages: 7 }, { provisioning: 'off' });
      await using __ = await start({ subjects: ['a'] }, { provisioning: 'assert' });
    }
    expect(await config()).toMatchObject({ subjects: ['a'], maxMessages: 5 });
    await using application = await start({ subjects: ['b'], maxMessages: 7 });
    expect(await config()).toMatchObject({ maxMessages: 7, description: 'of an operator' });
    expect(await subjects()).toEqual(['a', 'b']);
    expect(application.logs.of('log', 'JetStreamProvisioning')).toEqual([
      `Stream "${name}" updated: subjects: ["a"] → ["a","b"], maxMessages: 5 → 7`,
    ]);
  });

  it("stops the startup with 'exact', which names the policy", async () => {
    await create({ subjects: ['a', 'b'] });
    await expect(start({ subjects: ['b'], subjectPolicy: 'exact' })).rejects.toThrow(
      'it listens on "a", which the declaration does not contain',
    );
    await expect(start({ subjects: ['b'], subjectPolicy: undefined })).rejects.toThrow(
      'set subjectPolicy: "merge" in it',
    );
    expect(await subjects()).toEqual(['a', 'b']);
  });

  it('merges declarations of several modules of one application', async () => {
    name = `S${++serial}`;
    const feature = (...own: string[]): ReturnType<typeof JetStreamModule.forFeature> =>
      JetStreamModule.forFeature({ streams: [{ name, subjects: own, subjectPolicy: 'merge', ...MEMORY }] });
    @Module({ imports: [feature('b')] })
    class Second {}
    @Module({ imports: [feature('c.*')] })
    class Third {}
    await using application = await start({ subjects: ['a'] }, {}, { imports: [Second, Third] });
    expect(await subjects()).toEqual(['a', 'b', 'c.*']);
    const jetstream = application.app.get(JetStreamService);
    await jetstream.publish('c.d', 1);
    const { state } = await application.app.get<Stream>(getStreamToken(name), { strict: false }).info();
    expect(state.messages).toBe(1);
    // A restart of the server loses the stream; all declarations are applied again.
    await using own = await NatsTestServer.start({ version });
    await using lost = await startApplication(own.url, {
      connection: { reconnectTimeWait: 50 },
      feature: { streams: [{ name, subjects: ['a'], subjectPolicy: 'merge', ...MEMORY }] },
      imports: [Second, Third],
    });
    await own.kill();
    await own.restart();
    const found = await eventually(
      async () =>
        (await lost.app
          .get(JetStreamService)
          .stream(name)
          .catch(() => undefined)) ?? undefined,
      (stream) => stream?.cachedInfo.config.subjects?.length === 3,
      20_000,
    );
    expect(found?.cachedInfo.config.subjects?.toSorted()).toEqual(['a', 'b', 'c.*']);
  });

  it('still refuses declarations of one application that differ in other options', async () => {
    name = `S${++serial}`;
    @Module({
      imports: [
        JetStreamModule.forFeature({
          streams: [{ name, subjects: ['b'], subjectPolicy: 'merge', maxMessages: 5, ...MEMORY }],
        }),
      ],
    })
    class Second {}
    const failed: unknown = await start({ subjects: ['a'] }, {}, { imports: [Second] }).catch(
      (error: unknown) => error,
    );
    expect(String(failed)).toContain(`Stream "${name}" is declared in`);
    expect(String(failed)).toContain('maxMessages: 5');
    expect(String(failed)).not.toContain('subjects');
  });

  it('adds its subjects again that an update from an older state removes', async () => {
    await create({ subjects: ['a'] });
    const stale = await config();
    await using application = await start({ subjects: ['b'] });
    await owner.jetstream.updateStream({ ...stale, subjects: ['a', 'c'] });
    await eventually(subjects, (list) => list.length === 3);
    expect(await subjects()).toEqual(['a', 'b', 'c']);
    expect(application.logs.of('warn', 'JetStreamProvisioning')).toEqual([
      expect.stringContaining(
        `Stream "${name}" does not listen on "b": another client created or updated it`,
      ),
    ]);
    await application.app.get(JetStreamService).publish('b', 1);
  });

  it('leaves a subject removed that a client removes later', async () => {
    await create({ subjects: ['a'] });
    await using application = await start({ subjects: ['b'] });
    const before = performance.now.bind(performance);
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => before() + 60_000);
    try {
      await owner.jetstream.updateStream({ ...(await config()), subjects: ['a'] });
      // The application has received the advisory of this update too, because it was sent before that of the next one.
      const { nc } = application.app.get(JetStreamService).connection;
      const advisory = new Promise<void>((resolve) => {
        nc.subscribe('$JS.EVENT.ADVISORY.STREAM.UPDATED.>', { callback: () => resolve() });
      });
      await nc.flush();
      await owner.jetstream.updateStream({ ...(await config()), description: 'another update' });
      await advisory;
      expect(await subjects()).toEqual(['a']);
      expect(application.logs.of('warn', 'JetStreamProvisioning')).toEqual([]);
    } finally {
      clock.mockRestore();
    }
  });

  it('gives up other options that another application sets again and again', async () => {
    await create({ subjects: ['a'], maxMessages: 5 });
    const stop = new AbortController();
    const watching = owner.nc.subscribe(`$JS.EVENT.ADVISORY.STREAM.UPDATED.${name}`);
    const resetting = (async () => {
      for await (const _ of watching) {
        if (stop.signal.aborted) break;
        const current = await config();
        if (current.maxMessages !== 5) await owner.jetstream.updateStream({ ...current, maxMessages: 5 });
      }
    })();
    await owner.nc.flush();
    await using application = await start({ subjects: ['a', 'b'], maxMessages: 7 });
    stop.abort();
    watching.unsubscribe();
    await resetting;
    expect(application.logs.of('warn', 'JetStreamProvisioning')).toEqual([
      expect.stringMatching(/another application sets options to something else .*maxMessages: 5 → 7/),
    ]);
    expect(await subjects()).toEqual(['a', 'b']);
  });

  it('fails if another application removes the subjects each time', async () => {
    await create({ subjects: ['a'] });
    const watching = owner.nc.subscribe(`$JS.EVENT.ADVISORY.STREAM.UPDATED.${name}`);
    const resetting = (async () => {
      for await (const _ of watching) {
        const current = await config();
        if ((current.subjects?.length ?? 0) > 1)
          await owner.jetstream.updateStream({ ...current, subjects: ['a'] });
      }
    })();
    await owner.nc.flush();
    await expect(start({ subjects: ['b'] })).rejects.toThrow(
      /"b" was added 20 times, and each time another application removed it/,
    );
    watching.unsubscribe();
    await resetting;
  }, 60_000);

  it('applies to the streams of a microservice', async () => {
    await create({ subjects: ['a'] });
    const stale = await config();
    await using service = await startMicroservice(server.url, {
      server: { streams: [{ name, subjects: ['b'], subjectPolicy: 'merge' }] },
    });
    expect(await subjects()).toEqual(['a', 'b']);
    await owner.jetstream.updateStream(stale);
    await eventually(subjects, (list) => list.length === 2);
    expect(service.logs.of('warn', 'JetStreamProvisioning')).toHaveLength(1);
  });

  it('keeps the subjects of two services that start at the same moment, 20 times', async () => {
    await using bundle = await BundledModule.of(new URL('./fixtures/merging-service.ts', import.meta.url));
    await using first = new ModuleProcess(bundle.url, server.url, 'first.>', 'control.first');
    await using second = new ModuleProcess(bundle.url, server.url, 'second.>', 'control.second');
    await Promise.all([first.printed('ready'), second.printed('ready')]);
    const both = (command: string): Promise<string[]> =>
      Promise.all(
        ['first', 'second'].map(async (service) =>
          (await owner.nc.request(`control.${service}.${command}`, '', { timeout: 30_000 })).string(),
        ),
      );
    name = 'SHARED';
    for (let round = 0; round < 20; round++) {
      // In every second round the stream exists already, so that both applications update it.
      if (round % 2 === 0) await owner.jetstream.createStream({ name, subjects: ['others'], ...MEMORY });
      expect(await both('boot')).toEqual(['started', 'started']);
      const wanted = ['first.>', 'second.>', ...(round % 2 === 0 ? ['others'] : [])].sort();
      await eventually(subjects, (list) => list.join() === wanted.join());
      for (const subject of ['first.a', 'second.b']) await owner.jetstream.publish(subject, round);
      expect(await both('close')).toEqual(['closed', 'closed']);
      await owner.jetstream.deleteStream(name);
    }
  }, 180_000);
});

it('keeps the subjects of four services that start at the same moment in a cluster', async () => {
  await using cluster = await NatsTestCluster.start(3);
  await using owner = await ConnectedJetStream.connect(cluster.urls);
  for (let round = 0; round < 3; round++) {
    const names = ['first', 'second', 'third', 'fourth'].map((service) => `${service}.>`);
    const services = await Promise.all(
      names.map((subject, i) =>
        startApplication(cluster.urls[i % cluster.urls.length] ?? '', {
          feature: {
            streams: [
              { name: 'SHARED', subjects: [subject], replicas: 3, subjectPolicy: 'merge', ...MEMORY },
            ],
          },
        }),
      ),
    );
    const subjects = await eventually(
      async () => (await owner.jetstream.stream('SHARED')).cachedInfo.config.subjects ?? [],
      ({ length }) => length === names.length,
    );
    expect(subjects.toSorted()).toEqual(names.toSorted());
    await Promise.all(services.map(({ app }) => app.close()));
    await owner.jetstream.deleteStream('SHARED');
  }
}, 120_000);
