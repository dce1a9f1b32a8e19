import { Injectable } from '@nestjs/common';
import {
  Handlers,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  JsSchedule,
  NatsSubscribe,
  type JetStreamModuleOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';

@Injectable()
class Shop {
  @JsConsumer({ stream: 'ORDERS', durable: 'billing', concurrency: 3, filterSubjects: 'orders.paid' })
  onPaid(): void {}
  @JsConsumer({ stream: 'ORDERS', durable: 'off', enabled: false })
  off(): void {}
  @NatsSubscribe('notes')
  onNote(): void {}
}

describe('the summary of the startup', () => {
  let server: NatsTestServer;
  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  const start = (
    options: Omit<JetStreamModuleOptions, 'connection'> = {},
    maxAge?: number,
    url = server.url,
  ): Promise<TestApplication> =>
    startApplication(url, {
      providers: [Shop],
      options,
      feature: {
        streams: [{ name: 'ORDERS', subjects: ['orders.*'], storage: 'memory', maxAge }],
        keyValues: [{ bucket: 'stock', storage: 'memory' }],
        objectStores: [{ bucket: 'files', storage: 'memory' }],
      },
    });
  const blocks = ({ logs }: TestApplication): string[] =>
    logs.of('log', 'JetStreamModule').filter((text) => text.includes('\n'));

  it('is logged, and shows what was created, changed or only compared', async () => {
    {
      await using first = await start();
      const [block] = blocks(first);
      expect(block.split('\n').slice(1)).toEqual([
        '  streams: ORDERS (created)',
        '  Key-Value buckets: stock (created)',
        '  Object Store buckets: files (created)',
        '  handlers:',
        '    Shop.onPaid: stream ORDERS, pull consumer billing, concurrency 3, 0 messages waiting',
        '    Shop.onNote: subject notes, concurrency 1',
        '    Shop.off: stream ORDERS, not started (enabled)',
      ]);
      expect(block).toMatch(
        /^Connection "default": nats-server [\d.]+ \(test-\w+\) at 127\.0\.0\.1:\d+, (direct|client) wire\n/,
      );
      await first.app.get(Handlers).stop('Shop.onPaid');
      await first.app.get(JetStreamService).publish('orders.paid', 1);
    }
    await using second = await start({ bootSummary: 'account' }, 3_600_000);
    const [block] = blocks(second);
    expect(block).toContain('streams: ORDERS (updated)');
    expect(block).toContain('Key-Value buckets: stock (unchanged)');
    expect(block).toContain('1 message waiting');
    expect(block).toMatch(/\n {2}memory: .* used, .* reserved, (no limit|limit .*)$/m);
    const [summary] = second.app.get(Handlers).bootSummaries;
    expect(summary).toMatchObject({
      connection: 'default',
      resources: [{ kind: 'stream', name: 'ORDERS', outcome: 'updated' }, {}, {}],
      account: { streams: 3 },
    });
    await using third = await start({ provisioning: 'off' });
    expect(blocks(third)[0]).toContain('streams: ORDERS (used)');
  });

  it('shows when schedules are due', async () => {
    @Injectable()
    class Reports {
      @JsSchedule('0 0 6 * * *')
      daily(): void {}
      @JsSchedule({ every: 30_000 }, { enabled: false })
      poll(): void {}
      @JsSchedule({ at: new Date('2250-01-01T00:00:00Z') }, { overlap: 'allow' })
      launch(): void {}
    }
    await using application = await startApplication(server.url, {
      providers: [Reports],
      options: { schedules: { stream: { storage: 'memory' } } },
    });
    const [block] = blocks(application);
    expect(block.split('\n').slice(1)).toEqual([
      '  handlers:',
      '    Reports.daily: schedule 0 0 6 * * *, stream SCHEDULES, pull consumer Reports-daily, concurrency 1, 0 messages waiting',
      '    Reports.launch: schedule at 2250-01-01T00:00:00.000Z, stream SCHEDULES, pull consumer Reports-launch, concurrency 10, 0 messages waiting',
      '    Reports.poll: schedule every 30000 ms, stream SCHEDULES, not started (enabled)',
    ]);
  });

  it('can be turned off, and is still available as data', async () => {
    await using application = await start({ bootSummary: false });
    expect(blocks(application)).toEqual([]);
    expect(application.app.get(Handlers).bootSummaries).toMatchObject([{ connection: 'default' }]);
  });

  it('does not exist without a server', async () => {
    await using application = await start({ connect: false });
    expect(blocks(application)).toEqual([]);
    expect(application.app.get(Handlers).bootSummaries).toEqual([]);
  });

  it('does not fail without the permission to ask for the account', async () => {
    await using guarded = await NatsTestServer.start({
      users: [{ user: 'u', permissions: { publish: { allow: '>', deny: '$JS.API.INFO' } } }],
      noAuthUser: 'u',
    });
    await using application = await start({ bootSummary: 'account' }, undefined, guarded.url);
    expect(blocks(application)).toHaveLength(1);
    expect(application.logs.of('warn', 'JetStreamModule').join()).toContain('the account was not summarized');
  });

  it('lists a resource once that several modules declare, with what changed most', async () => {
    const stream = { name: 'SHARED', storage: 'memory', subjectPolicy: 'merge' } as const;
    await using application = await startApplication(server.url, {
      imports: ['shared.a', 'shared.b'].map((subject) =>
        JetStreamModule.forFeature({ streams: [{ ...stream, subjects: [subject] }] }),
      ),
    });
    const [summary] = application.app.get(Handlers).bootSummaries;
    expect(summary.resources).toEqual([{ kind: 'stream', name: 'SHARED', outcome: 'created' }]);
  });
});
