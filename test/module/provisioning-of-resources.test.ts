import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  BucketNotFoundError,
  ConfigMismatchError,
  getStreamToken,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  OnJetStreamEvent,
  StreamNotFoundError,
  type JetStreamEvent,
  type JetStreamFeatureOptions,
  type Provisioning,
  type Stream,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConnectedJetStream } from '../jetstream/streams/connected-jetstream.js';
import { startMicroservice } from '../microservice/microservice.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const MEMORY = { storage: 'memory' } as const;
/** Everything that changes the stream of the platform, or creates its consumers. */
const ADMINISTRATION = ['CREATE', 'UPDATE', 'DELETE', 'PURGE'].map(
  (call) => `$JS.API.STREAM.${call}.PLATFORM`,
);

describe('provisioning of a single resource', () => {
  let server: NatsTestServer;
  let owner: ConnectedJetStream;

  beforeEach(async () => {
    server = await NatsTestServer.start({
      users: [
        { user: 'owner' },
        { user: 'service', permissions: { publish: { allow: '>', deny: ADMINISTRATION } } },
      ],
      noAuthUser: 'service',
    });
    owner = await ConnectedJetStream.connect(server.url, {}, server.connectionFor('owner'));
  });
  afterEach(async () => {
    await owner[Symbol.asyncDispose]();
    await server.stop();
  });

  function start(
    feature: JetStreamFeatureOptions,
    provisioning?: Provisioning,
    providers: (new () => object)[] = [],
  ): Promise<TestApplication> {
    return startApplication(server.url, {
      connection: { reconnectTimeWait: 50 },
      options: { provisioning },
      feature,
      providers,
    });
  }

  async function failureOf(...args: Parameters<typeof start>): Promise<unknown> {
    return start(...args).then(
      ({ app }) => app.close(),
      (error: unknown) => error,
    );
  }

  it("'off' uses a stream of others without the permission to change it, next to own streams", async () => {
    await owner.jetstream.createStream({ name: 'PLATFORM', subjects: ['platform.>'], ...MEMORY });
    const handled: unknown[] = [];
    @Injectable()
    class Handler {
      @JsConsumer({ stream: 'PLATFORM', durable: 'service' })
      on(@Payload() value: unknown): void {
        handled.push(value);
      }
    }
    const feature: JetStreamFeatureOptions = {
      streams: [
        { name: 'PLATFORM', subjects: ['other.>'], maxMessages: 5, ...MEMORY, provisioning: 'off' },
        { name: 'OWN', subjects: ['own.>'], ...MEMORY },
      ],
    };
    await using application = await start(feature, undefined, [Handler]);
    const jetstream = application.app.get(JetStreamService);
    await jetstream.publish('platform.a', 1);
    await jetstream.publish('own.a', 2);
    await eventually(
      () => handled,
      (values) => values.length === 1,
    );
    const { config } = application.app.get<Stream>(getStreamToken('PLATFORM')).cachedInfo;
    expect(config).toMatchObject({ subjects: ['platform.>'], maxMessages: -1 });
    expect(application.logs.of('log', 'JetStreamProvisioning')).toEqual([
      'Stream "OWN" created',
      'Consumer "service" of stream "PLATFORM" created',
    ]);
    expect([...application.logs.of('warn'), ...application.logs.of('error')]).toEqual([]);
  });

  it('without it, the same user cannot start', async () => {
    await owner.jetstream.createStream({ name: 'PLATFORM', subjects: ['platform.>'], ...MEMORY });
    const stream = { name: 'PLATFORM', subjects: ['platform.>'], maxMessages: 5, ...MEMORY };
    expect(String(await failureOf({ streams: [stream] }))).toContain('$JS.API.STREAM.UPDATE.PLATFORM');
  });

  it.each<Provisioning>(['off', 'assert'])(
    "'%s' stops the startup if a resource is missing",
    async (provisioning) => {
      const reason = `not found, and provisioning: "${provisioning}" does not create it: create it, or check its name`;
      const stream = await failureOf({ streams: [{ name: 'PLATFORM', provisioning }] });
      expect(stream).toBeInstanceOf(StreamNotFoundError);
      expect(String(stream)).toContain(`Stream "PLATFORM" ${reason}`);
      const values = await failureOf({ keyValues: [{ bucket: 'values', provisioning }] });
      expect(values).toBeInstanceOf(BucketNotFoundError);
      expect(String(values)).toContain(`Key-Value bucket "values" ${reason}`);
      const objects = await failureOf({ objectStores: [{ bucket: 'objects', provisioning }] });
      expect(objects).toBeInstanceOf(BucketNotFoundError);
      expect(String(objects)).toContain(`Object Store bucket "objects" ${reason}`);
    },
  );

  it("'assert' stops the startup if a resource differs, 'off' does not mention it", async () => {
    await owner.jetstream.createStream({ name: 'PLATFORM', subjects: ['platform.>'], ...MEMORY });
    {
      await using _ = await start({ keyValues: [{ bucket: 'values', ...MEMORY }] });
    }
    const stream = { name: 'PLATFORM', maxMessages: 5 };
    const bucket = { bucket: 'values', history: 5 };
    const mismatch = await failureOf({ streams: [{ ...stream, provisioning: 'assert' }] });
    expect(mismatch).toBeInstanceOf(ConfigMismatchError);
    expect(String(mismatch)).toContain(
      'Stream "PLATFORM" does not match its declaration (maxMessages: -1 → 5)',
    );
    expect(await failureOf({ keyValues: [{ ...bucket, provisioning: 'assert' }] })).toBeInstanceOf(
      ConfigMismatchError,
    );
    await using application = await start({
      streams: [{ ...stream, provisioning: 'off' }],
      keyValues: [{ ...bucket, provisioning: 'off' }],
    });
    expect(application.logs.of('log', 'JetStreamProvisioning')).toEqual([]);
    expect(application.logs.of('warn')).toEqual([]);
  });

  it("'ensure' creates a resource if the module only looks others up", async () => {
    await owner.jetstream.createStream({ name: 'PLATFORM', subjects: ['platform.>'], ...MEMORY });
    await using application = await start(
      {
        streams: [
          { name: 'PLATFORM' },
          { name: 'OWN', subjects: ['own'], ...MEMORY, provisioning: 'ensure' },
        ],
        keyValues: [{ bucket: 'values', ...MEMORY, provisioning: 'ensure' }],
        objectStores: [{ bucket: 'objects', ...MEMORY, provisioning: 'ensure' }],
      },
      'off',
    );
    expect(application.logs.of('log', 'JetStreamProvisioning').toSorted()).toEqual([
      'Key-Value bucket "values" created',
      'Object Store bucket "objects" created',
      'Stream "OWN" created',
    ]);
  });

  it('decides whether a resource is created again after a restart of the server', async () => {
    const recreated: string[] = [];
    @Injectable()
    class Events {
      @OnJetStreamEvent('resource-recreated')
      on(event: JetStreamEvent): void {
        if (event.type === 'resource-recreated') recreated.push(event.name);
      }
    }
    await owner.jetstream.createStream({ name: 'OTHERS', subjects: ['others'], ...MEMORY });
    await owner.jetstream.createStream({ name: 'DEAD_LETTERS', subjects: ['dead-letters.>'], ...MEMORY });
    @Injectable()
    class Handler {
      @JsConsumer({ stream: 'OWN', durable: 'own', deadLetter: true })
      on(): void {}
    }
    await using application = await start(
      {
        streams: [
          { name: 'OTHERS', recreate: true, provisioning: 'off' },
          { name: 'DEAD_LETTERS', provisioning: 'assert' },
          { name: 'OWN', subjects: ['own'], ...MEMORY },
        ],
      },
      'ensure',
      [Events, Handler],
    );
    const jetstream = application.app.get(JetStreamService);
    const back = new Promise<void>((resolve) => jetstream.connection.listen({ onReconnect: resolve }));
    await server.kill();
    await server.restart();
    await back;
    await eventually(
      () => recreated,
      (names) => names.includes('OWN'),
    );
    for (const name of ['OTHERS', 'DEAD_LETTERS'])
      await expect(jetstream.stream(name)).rejects.toThrow(StreamNotFoundError);
    expect(recreated).not.toContain('OTHERS');
    expect(recreated).not.toContain('DEAD_LETTERS');
  });

  it('can come from a factory', async () => {
    await owner.jetstream.createStream({ name: 'PLATFORM', subjects: ['platform.>'], ...MEMORY });
    await using application = await startApplication(server.url, {
      imports: [
        JetStreamModule.forFeatureAsync({
          streams: [{ name: 'PLATFORM', useFactory: () => ({ maxMessages: 5, provisioning: 'off' }) }],
        }),
      ],
    });
    expect(application.logs.of('log', 'JetStreamProvisioning')).toEqual([]);
  });

  it('applies to the streams of a microservice', async () => {
    const off = { name: 'PLATFORM', subjects: ['platform.>'], provisioning: 'off' } as const;
    await expect(startMicroservice(server.url, { server: { streams: [off] } })).rejects.toThrow(
      'Stream "PLATFORM" not found, and provisioning: "off" does not create it',
    );
    await owner.jetstream.createStream({ name: 'PLATFORM', subjects: ['others.>'], ...MEMORY });
    await using _ = await startMicroservice(server.url, { server: { streams: [off] } });
    const { config } = (await owner.jetstream.stream('PLATFORM')).cachedInfo;
    expect(config.subjects).toEqual(['others.>']);
  });

  it('must be the same in all declarations of one application', async () => {
    const feature = JetStreamModule.forFeature({ streams: [{ name: 'OWN', provisioning: 'off' }] });
    const failed: unknown = await startApplication(server.url, {
      feature: { streams: [{ name: 'OWN' }] },
      imports: [feature],
    }).catch((error: unknown) => error);
    expect(String(failed)).toContain('provisioning: "off"');
  });
});
