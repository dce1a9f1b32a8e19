import { Injectable, type Type } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  Handlers,
  InvalidArgumentError,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  KvWatch,
  type JsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { startHealthy } from './support.js';

function consumerOf(options: Partial<JsConsumerOptions> = {}): Type {
  @Injectable()
  class Work {
    @JsConsumer({ stream: 'S', durable: 'work', ...options } as JsConsumerOptions)
    handle(@Payload() _: unknown): void {}
  }
  return Work;
}

@Injectable()
class Watching {
  @KvWatch('bucket')
  onChange(): void {}
}

const isDown = ({ status }: { readonly status: string }): boolean => status === 'down';
const feature = {
  streams: [{ name: 'S', subjects: ['s'], storage: 'memory' as const }],
  keyValues: [{ bucket: 'bucket', storage: 'memory' as const }],
};

describe('a consumer or stream that was deleted', () => {
  it.each([
    ['pull', {}],
    ['push', { push: { idleHeartbeat: 500 } }],
    ['ordered', { durable: undefined, ordered: true }],
    ['batch', { batch: { size: 2, maxWait: 10 } }],
  ] as [string, Partial<JsConsumerOptions>][])(
    'a consumer that is created again is up, %s',
    async (_, options) => {
      await using server = await NatsTestServer.start();
      await using application = await startHealthy(server.url, { feature, providers: [consumerOf(options)] });
      const { health, app } = application;
      const { consumer = '' } = app.get(Handlers).get('Work.handle');
      const jetstream = app.get(JetStreamService);
      if (!('push' in options)) {
        // The server informs only those who are waiting for messages.
        const pulled = await jetstream.consumer('S', consumer);
        await eventually(
          () => pulled.info(),
          ({ numWaiting }) => numWaiting > 0,
        );
      }
      await jetstream.deleteConsumer('S', consumer);
      const seen: string[] = [];
      await eventually(
        async () => {
          seen.push((await health.handlers()).status);
          return app
            .get(JetStreamService)
            .consumer('S', app.get(Handlers).get('Work.handle').consumer ?? '')
            .then(
              () => 'there',
              (error: unknown) => (String(error).includes('push consumer') ? 'there' : 'gone'),
            );
        },
        (state) => state === 'there',
        20_000,
      );
      expect(seen).not.toContain('down');
    },
  );

  it.each([
    ['pull', {}],
    ['push', { push: { idleHeartbeat: 500 } }],
    ['ordered', { durable: undefined, ordered: true }],
  ] as [string, Partial<JsConsumerOptions>][])(
    'a stream that stays away is down after the grace, %s',
    async (_, options) => {
      await using server = await NatsTestServer.start();
      await using application = await startHealthy(server.url, { feature, providers: [consumerOf(options)] });
      const { health, app } = application;
      await app.get(JetStreamService).deleteStream('S');
      expect((await health.handlers({ grace: 60_000 })).status).toBe('up');
      const report = await eventually(() => health.handlers({ grace: 1_000 }), isDown, 20_000);
      expect(report.message).toMatch(
        /^Work\.handle: .*(S|stream not found).* This has lasted for \d+ ms\.$/s,
      );
      const resources = await health.resources({
        streams: ['S'],
        buckets: ['bucket', 'other'],
        objectStores: ['files'],
      });
      expect(resources.resources.map(({ kind, name, status }) => `${kind} ${name} ${status}`)).toEqual([
        'stream S down',
        'bucket bucket up',
        'bucket other down',
        'object-store files down',
      ]);
      expect(resources.message).toContain('stream "S": ');
      expect(health.liveness().status).toBe('up');
    },
  );

  it('a watched bucket that stays away is down after the grace', { timeout: 90_000 }, async () => {
    await using server = await NatsTestServer.start();
    await using application = await startHealthy(server.url, { feature, providers: [Watching] });
    const { health, app } = application;
    expect((await health.handlers({ grace: 0 })).status).toBe('up');
    await app.get(JetStreamService).deleteStream('KV_bucket');
    // A watch notices that its bucket is gone when heartbeats are missing and it was not found several times.
    const report = await eventually(() => health.handlers({ grace: 100 }), isDown, 60_000);
    expect(report.message).toMatch(/^Watching\.onChange: It is recovering: .*bucket/s);
  });
});

describe('a missing permission', () => {
  const withLimited = (...deny: string[]): Promise<NatsTestServer> =>
    NatsTestServer.start({
      users: [{ user: 'owner' }, { user: 'limited', permissions: { publish: { deny } } }],
    });

  it('to look up the consumer: the handler is up, and the report says so', async () => {
    await using server = await withLimited('$JS.API.CONSUMER.INFO.>', '$JS.API.STREAM.INFO.OTHER');
    const owner = server.connectionFor('owner');
    await using _ = await startHealthy(server.url, { connection: owner, feature, providers: [consumerOf()] });
    const providers = [consumerOf({ durable: undefined, deliverPolicy: 'new' })];
    await using application = await startHealthy(server.url, {
      connection: server.connectionFor('limited'),
      options: { provisioning: 'off' },
      providers,
    });
    const report = await application.health.handlers({ grace: 0, maxPending: 1 });
    expect(report.status).toBe('up');
    expect(report.handlers[0]?.message).toMatch(
      /^The consumer was not checked\. .*\$JS\.API\.CONSUMER\.INFO\.S\./,
    );
    const resources = await application.health.resources({ streams: ['OTHER'] });
    expect(resources.status).toBe('down');
    expect(resources.message).toMatch(/no permission to publish to "\$JS\.API\.STREAM\.INFO\.OTHER"/);
  });

  it('to request messages: pending messages that are not delivered count as stalled', async () => {
    await using server = await withLimited('$JS.API.CONSUMER.MSG.NEXT.>');
    await using application = await startHealthy(server.url, {
      connection: server.connectionFor('limited'),
      feature,
      providers: [consumerOf()],
    });
    const { health, app } = application;
    expect((await health.handlers({ stalledAfter: 300 })).status).toBe('up');
    await app.get(JetStreamService).publish('s', 1);
    const report = await eventually(() => health.handlers({ stalledAfter: 300 }), isDown);
    expect(report.message).toMatch(
      /^Work\.handle: 1 messages are pending, but its consumer has not delivered any for \d+ ms/,
    );
    expect(report.handlers[0]).toMatchObject({ pending: 1, ackPending: 0 });
    // The process itself is well.
    expect(health.liveness({ stalledAfter: 300 }).status).toBe('up');
  });
});

describe('resources', () => {
  it('compares the used storage with the limits of the account', async () => {
    await using server = await NatsTestServer.start({
      accounts: { A: { users: [{ user: 'u' }], jetstream: { maxStorage: 100_000, maxMemory: 100_000 } } },
    });
    await using application = await startHealthy(server.url, {
      connection: server.connectionFor('u'),
      feature: { streams: [{ name: 'S', subjects: ['s'] }] },
    });
    const { health, app } = application;
    expect(await health.resources({ usedStorage: 0.5 })).toMatchObject({
      status: 'up',
      resources: [
        { kind: 'storage', name: 'default', limit: 100_000 },
        { kind: 'memory', name: 'default', limit: 100_000 },
      ],
    });
    await app.get(JetStreamService).publish('s', new Uint8Array(60_000));
    const report = await eventually(() => health.resources({ usedStorage: 0.5 }), isDown);
    expect(report.message).toMatch(
      /^storage "default": 60\d{3} of 100000 bytes are used: 60 percent, more than 50/,
    );
    expect((await health.resources({ usedStorage: 0.7 })).status).toBe('up');
  });

  it('without a limit, and without anything to check, is up', async () => {
    await using server = await NatsTestServer.start();
    await using application = await startHealthy(server.url, {});
    expect(await application.health.resources({ usedStorage: 0.1 })).toEqual({ status: 'up', resources: [] });
    expect(await application.health.resources()).toEqual({ status: 'up', resources: [] });
  });

  it('of several connections: the connection of streams must be named', async () => {
    await using server = await NatsTestServer.start();
    await using other = await NatsTestServer.start();
    await using application = await startHealthy(server.url, {
      feature: { streams: [{ name: 'S', subjects: ['s'], storage: 'memory' }] },
      imports: [JetStreamModule.forRoot({ name: 'other', connection: { servers: other.url } })],
    });
    const { health } = application;
    await expect(health.resources({ streams: ['S'] })).rejects.toThrow(InvalidArgumentError);
    expect((await health.resources({ connection: 'default', streams: ['S'] })).status).toBe('up');
    expect((await health.resources({ connection: 'other', streams: ['S'] })).status).toBe('down');
    const { connections } = await health.connection();
    expect(connections.map(({ connection }) => connection).toSorted()).toEqual(['default', 'other']);
    await other.kill();
    const report = await eventually(() => health.connection(), isDown);
    expect(report.message).toMatch(/^Connection "other": There has been no link/);
    expect((await health.connection({ connection: 'default' })).status).toBe('up');
  });
});
