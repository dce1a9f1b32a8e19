import { Test } from '@nestjs/testing';
import { Logger, type INestApplicationContext, type INestMicroservice } from '@nestjs/common';
import { JetStreamModule, JetStreamService } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

type Before = typeof import('../../docs/snippets/coming-from-nestjs-plugins-before.js');
type After = typeof import('../../docs/snippets/coming-from-nestjs-plugins-after.js');

// Both sides run on one server, first next to each other, and then the new service in place of the old one.
describe('both sides of "Coming from @nestjs-plugins/nestjs-nats-jetstream-transport"', () => {
  const logs = new LogRecorder();
  let server: NatsTestServer;
  let before: Before;
  let after: After;
  let oldService: INestMicroservice;
  let newService: INestMicroservice | undefined;
  let clients: INestApplicationContext;
  let jetstream: JetStreamService;
  const handled = (context: 'Before' | 'After'): string[] => logs.of('log', context);

  beforeAll(async () => {
    server = await NatsTestServer.start();
    vi.stubEnv('NATS_URL', server.url);
    before = await import('../../docs/snippets/coming-from-nestjs-plugins-before.js');
    after = await import('../../docs/snippets/coming-from-nestjs-plugins-after.js');
    const module = await Test.createTestingModule({
      imports: [
        before.ClientModule,
        after.ClientModule,
        JetStreamModule.forRoot({ connection: { servers: server.url } }),
      ],
      providers: [before.Shop, after.Shop],
    })
      .setLogger(logs)
      .compile();
    clients = await module.init();
    jetstream = clients.get(JetStreamService);
    oldService = await before.start(server.url);
    Logger.overrideLogger(logs);
  });
  afterAll(async () => {
    await newService?.close();
    await clients.close();
    Logger.overrideLogger(false);
    vi.unstubAllEnvs();
    await server.stop();
  });

  it('events of both clients reach the old service', async () => {
    expect(await clients.get(before.Shop).place({ id: 'a', total: 1 })).toMatchObject({ seq: 1 });
    expect(await clients.get(after.Shop).place({ id: 'b', total: 2 })).toMatchObject({ sequence: 2 });
    // Both write the message id in the same header.
    expect(await clients.get(after.Shop).place({ id: 'a', total: 1 })).toMatchObject({ duplicate: true });
    await eventually(
      () => handled('Before'),
      (lines) => lines.length === 2,
    );
    expect(handled('Before')).toEqual(['a: 1', 'b: 2']);
    const stream = await jetstream.stream('ORDERS');
    const [first, second] = [await stream.getMessage(1), await stream.getMessage(2)];
    expect([first.text(), second.text()]).toEqual(['{"id":"a","total":1}', '{"id":"b","total":2}']);
    expect(first.headers?.get('Trace-Id')).toBe('42');
  });

  it('requests need the client of the same side', async () => {
    expect(await clients.get(before.Shop).sum([1, 2])).toBe(3);
    // The old service takes the envelope of the new client for the payload, and its handler fails.
    await expect(clients.get(after.Shop).sum([1, 2])).rejects.toThrow();
  });

  it('the new service continues after the old one, and keeps the subjects of others', async () => {
    await oldService.close();
    await clients.get(before.Shop).place({ id: 'c', total: 3 });
    const { config } = (await jetstream.stream('ORDERS')).cachedInfo;
    await jetstream.updateStream({ ...config, subjects: ['orders.placed', 'orders.paid'] });
    const position = await after.positionAfter(jetstream);
    expect(position).toBe(3);
    newService = await after.start(server.url, position);
    Logger.overrideLogger(logs);
    await clients.get(before.Shop).place({ id: 'd', total: 4 });
    await eventually(
      () => handled('After'),
      (lines) => lines.length === 2,
    );
    expect(handled('After')).toEqual(['c: 3', 'd: 4']);
    expect((await jetstream.stream('ORDERS')).cachedInfo.config.subjects).toHaveLength(2);
    expect(await clients.get(after.Shop).sum([1, 2, 3])).toBe(6);
    // A bare request gets a bare answer, in which the old client does not find the value.
    expect(await clients.get(before.Shop).sum([1, 2])).toBeUndefined();
    const names = [];
    for await (const name of jetstream.consumerNames('ORDERS')) names.push(name);
    expect(names.toSorted()).toEqual(['shop-durable-orders_placed', 'shop_orders-placed']);
  });
});
