import { Injectable } from '@nestjs/common';
import {
  BucketNotFoundError,
  ConfigMismatchError,
  getKeyValueToken,
  getObjectStoreToken,
  HandlerConfigurationError,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  StreamNotFoundError,
  type JsConsumerOptions,
  type KeyValue,
  type ObjectStore,
  type Provisioning,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';

describe.each(['2.15', '2.9'])('provisioning on nats-server %s', (version) => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());

  const start = (
    provisioning: Provisioning,
    feature: Parameters<typeof startApplication>[1]['feature'],
    providers: (new () => object)[] = [],
  ): Promise<TestApplication> =>
    startApplication(server.url, { options: { provisioning }, feature, providers });

  const stream = { name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' as const };

  it('ensure creates missing resources, updates different ones, and logs the changes', async () => {
    await using first = await start('ensure', {
      streams: [stream],
      keyValues: [{ bucket: 'b', storage: 'memory' }],
    });
    expect(first.logs.of('log', 'JetStreamProvisioning')).toEqual([
      'Stream "ORDERS" created',
      'Key-Value bucket "b" created',
    ]);
    await using second = await start('ensure', {
      streams: [{ ...stream, maxMessages: 10 }],
      keyValues: [{ bucket: 'b', history: 3 }],
    });
    expect(second.logs.of('log', 'JetStreamProvisioning')).toEqual([
      'Stream "ORDERS" updated: maxMessages: -1 → 10',
      'Key-Value bucket "b" updated: history: 1 → 3',
    ]);
  });

  it('ensure does not change undeclared options', async () => {
    await using _ = await start('ensure', {
      streams: [stream],
      objectStores: [{ bucket: 'o', description: 'mine' }],
    });
    await using application = await start('ensure', {
      streams: [{ name: 'ORDERS', description: 'all orders' }],
      keyValues: [{ bucket: 'b' }],
      objectStores: [{ bucket: 'o', ttl: 60_000 }],
    });
    const { config } = (await application.app.get(JetStreamService).stream('ORDERS')).cachedInfo;
    expect(config).toMatchObject({
      subjects: ['orders.>'],
      maxMessages: 10,
      description: 'all orders',
      storage: 'memory',
    });
    expect((await application.app.get<KeyValue>(getKeyValueToken('b')).status()).history).toBe(3);
    const objects = await application.app.get<ObjectStore>(getObjectStoreToken('o')).status();
    expect(objects).toMatchObject({ description: 'mine', ttl: 60_000 });
  });

  it('assert only compares', async () => {
    await using _ = await start('assert', {
      streams: [{ name: 'ORDERS', subjects: ['orders.>'] }],
      keyValues: [{ bucket: 'b' }],
    });
    await expect(start('assert', { streams: [{ ...stream, maxMessages: 11 }] })).rejects.toThrow(
      'Stream "ORDERS" does not match its declaration (maxMessages: 10 → 11)',
    );
    await expect(start('assert', { streams: [{ name: 'MISSING' }] })).rejects.toThrow(StreamNotFoundError);
    await expect(start('assert', { keyValues: [{ bucket: 'b', history: 9 }] })).rejects.toThrow(
      ConfigMismatchError,
    );
    await expect(start('assert', { keyValues: [{ bucket: 'missing' }] })).rejects.toThrow(
      BucketNotFoundError,
    );
  });

  it('off changes and creates nothing', async () => {
    await using application = await start('off', { streams: [{ ...stream, maxMessages: 11 }] });
    const { config } = (await application.app.get(JetStreamService).stream('ORDERS')).cachedInfo;
    expect(config.maxMessages).toBe(10);
    await expect(start('off', { keyValues: [{ bucket: 'missing' }] })).rejects.toThrow(BucketNotFoundError);
    await expect(application.app.get(KeyValueService).open('missing')).rejects.toThrow(BucketNotFoundError);
  });

  it('applies the same rules to consumers', async () => {
    const handler = (ackWait: number): new () => object => {
      @Injectable()
      class Handler {
        @JsConsumer({ stream: 'ORDERS', durable: 'worker', ackWait, filterSubjects: ['orders.created'] })
        handle(): void {}
      }
      return Handler;
    };
    await expect(start('assert', {}, [handler(5_000)])).rejects.toThrow('Consumer "worker" not found');
    {
      await using created = await start('ensure', {}, [handler(5_000)]);
      expect(created.logs.of('log', 'JetStreamProvisioning')).toEqual([
        'Consumer "worker" of stream "ORDERS" created',
      ]);
    }
    {
      await using same = await start('ensure', {}, [handler(5_000)]);
      expect(same.logs.of('log', 'JetStreamProvisioning')).toEqual([]);
    }
    await using _ = await start('assert', {}, [handler(5_000)]);
    const mismatch: unknown = await start('assert', {}, [handler(6_000)]).catch((error: unknown) => error);
    expect(mismatch).toBeInstanceOf(HandlerConfigurationError);
    expect(String(mismatch)).toContain(
      'Handler.handle: Consumer "worker" of stream "ORDERS" does not match its declaration (ackWait: 5000 → 6000)',
    );
    await using updated = await start('ensure', {}, [handler(6_000)]);
    expect(updated.logs.of('warn', 'JetStreamProvisioning')).toEqual([
      expect.stringMatching(
        /^Consumer "worker" of stream "ORDERS" updated: ackWait: 5000 → 6000\. From now on, every application/,
      ),
    ]);
  });

  describe('ensure updates a consumer of a running application', () => {
    const other = (options: Partial<JsConsumerOptions>): new () => object => {
      @Injectable()
      class Handler {
        @JsConsumer({ stream: 'SHARED', durable: 'worker', ...options } as JsConsumerOptions)
        handle(): void {}
      }
      return Handler;
    };
    const feature = { streams: [{ name: 'SHARED', subjects: ['shared.>'], storage: 'memory' as const }] };

    it.each<[string, Partial<JsConsumerOptions>, Partial<JsConsumerOptions>, 'warn' | 'log', string]>([
      [
        'fewer deliveries',
        { retry: { maxDeliver: 10 } },
        { retry: { maxDeliver: 3 } },
        'warn',
        'maxDeliver: 10 → 3',
      ],
      ['a limit of deliveries', {}, { retry: { maxDeliver: 3 } }, 'warn', 'maxDeliver: -1 → 3'],
      [
        'more deliveries',
        { retry: { maxDeliver: 3 } },
        { retry: { maxDeliver: 10 } },
        'log',
        'maxDeliver: 3 → 10',
      ],
      ['another ackWait', { ackWait: 1_000 }, { ackWait: 2_000 }, 'warn', 'ackWait: 1000 → 2000'],
      [
        'another filter',
        { filterSubjects: 'shared.a' },
        { filterSubjects: 'shared.b' },
        'warn',
        'filterSubjects: ["shared.a"] → ["shared.b"]',
      ],
      ['no filter', { filterSubjects: 'shared.a' }, {}, 'warn', 'filterSubjects: ["shared.a"] → []'],
      [
        'a filter and fewer deliveries',
        {},
        { filterSubjects: 'shared.b', retry: { maxDeliver: 2 } },
        'warn',
        'maxDeliver: -1 → 2, filterSubjects: [] → ["shared.b"]',
      ],
      ['no payloads', {}, { headersOnly: true }, 'warn', 'headersOnly: none → true'],
      ['a description', {}, { description: 'mine' }, 'log', 'description: none → "mine"'],
    ])('with %s', async (_, before, after, level, change) => {
      await using running = await start('ensure', feature, [other(before)]);
      await using second = await start('ensure', feature, [other(after)]);
      const update = `Consumer "worker" of stream "SHARED" updated: ${change}`;
      const otherLevel = level === 'warn' ? 'log' : 'warn';
      expect(second.logs.of(level, 'JetStreamProvisioning')).toEqual([expect.stringContaining(update)]);
      expect(second.logs.of(otherLevel, 'JetStreamProvisioning')).toEqual([]);
      await running.app.get(JetStreamService).deleteStream('SHARED');
    });
  });
});
