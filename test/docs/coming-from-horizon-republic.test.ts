import {
  AckPolicy,
  jetstream as client,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { connect, headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { Test } from '@nestjs/testing';
import type { INestApplicationContext, INestMicroservice } from '@nestjs/common';
import { JetStreamModule, JetStreamService } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

const [EVENTS, EVENT] = ['orders__microservice_ev-stream', 'orders__microservice.ev.order.created'];
const CONSUMER = 'orders__microservice_ev-consumer';

// The other package is not installed. Its part is played by the client, with the streams, consumers, subjects, headers
// and payloads that version 2.13.0 was seen to use.
describe('"Coming from @horizon-republic/nestjs-jetstream"', () => {
  const logs = new LogRecorder();
  let server: NatsTestServer;
  let nc: NatsConnection;
  let after: typeof import('../../docs/snippets/coming-from-horizon-republic-after.js');
  let clients: INestApplicationContext;
  let service: INestMicroservice;
  const charged: string[] = [];

  function headersOf(subject: string, more: Readonly<Record<string, string>> = {}): MsgHdrs {
    const all = headers();
    all.set('x-subject', subject);
    all.set('x-caller-name', 'orders__microservice');
    for (const [name, value] of Object.entries(more)) all.set(name, value);
    return all;
  }

  function emit(subject: string, value: unknown, messageId: string): Promise<unknown> {
    const options = { headers: headersOf(subject), msgID: messageId };
    return client(nc).publish(subject, JSON.stringify(value), options);
  }

  beforeAll(async () => {
    server = await NatsTestServer.start();
    vi.stubEnv('NATS_URL', server.url);
    after = await import('../../docs/snippets/coming-from-horizon-republic-after.js');
    vi.spyOn(after.bank, 'charge').mockImplementation(async ({ id }) => void charged.push(id));
    nc = await connect({ servers: server.url });
    const { streams, consumers } = await jetstreamManager(nc);
    const storage = StorageType.Memory;
    const common = { ack_policy: AckPolicy.Explicit, ack_wait: 10e9, max_deliver: 3, max_ack_pending: 100 };
    await streams.add({
      name: EVENTS,
      subjects: ['orders__microservice.ev.>'],
      retention: RetentionPolicy.Workqueue,
      storage,
    });
    await consumers.add(EVENTS, {
      ...common,
      durable_name: CONSUMER,
      filter_subject: 'orders__microservice.ev.>',
    });
    await streams.add({ name: 'broadcast-stream', subjects: ['broadcast.>'], storage });
    await consumers.add('broadcast-stream', {
      ...common,
      durable_name: 'orders__microservice_broadcast-consumer',
      filter_subject: 'broadcast.flag.changed',
    });
    const letters = 'orders__microservice_dlq-stream';
    await streams.add({ name: letters, subjects: [letters], storage });
    const module = await Test.createTestingModule({
      imports: [after.ClientModule, JetStreamModule.forRoot({ connection: { servers: server.url } })],
      providers: [after.Shop],
    })
      .setLogger(logs)
      .compile();
    clients = await module.init();
  });
  afterAll(async () => {
    await service.close();
    await clients.close();
    await nc.close();
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    await server.stop();
  });

  it('the new client sends what the old service reads', async () => {
    const requests = nc.subscribe('orders__microservice.cmd.order.total', {
      max: 1,
      callback: (_, message) => void message.respond(JSON.stringify(message.json())),
    });
    const received = clients.get(after.Shop).place({ id: 'a', total: 5 });
    // An old service takes the envelope of a request for its payload.
    expect(await received).toMatchObject({
      data: { id: 'a', total: 5 },
      pattern: expect.any(String) as string,
    });
    await requests.closed;
    const consumer = await client(nc).consumers.get(EVENTS, CONSUMER);
    const message = await consumer.next();
    expect(message?.json()).toEqual({ id: 'a', total: 5 });
    expect(message?.headers?.get('x-tenant')).toBe('acme');
    await message?.ackAck();
  });

  it('the new service continues at the position of the old consumers', async () => {
    await emit(EVENT, { id: 'b', total: 7 }, 'b');
    service = await after.start(server.url);
    await emit(EVENT, { id: 'c', total: 9 }, 'c');
    await emit('broadcast.flag.changed', { name: 'dark', isOn: true }, 'dark');
    await eventually(
      () => charged,
      (ids) => ids.length === 2 && after.flags.size === 2,
    );
    expect(charged).toEqual(['b', 'c']);
    // The first broadcast was emitted by the new client, before the service started.
    expect([...after.flags.keys()]).toEqual(['sale', 'dark']);
    const { consumers, streams } = await jetstreamManager(nc);
    const { config, num_pending } = await consumers.info(EVENTS, CONSUMER);
    expect(config).toMatchObject({ filter_subject: EVENT });
    expect(num_pending).toBe(0);
    expect((await streams.info(EVENTS)).config.subjects).toEqual(['orders__microservice.ev.>']);
  });

  it('the new service answers the old client, and the new one', async () => {
    const request = { headers: headersOf('orders__microservice.cmd.order.total'), timeout: 5_000 };
    const subject = 'orders__microservice.cmd.order.total';
    const answer = await nc.request(subject, JSON.stringify({ id: 'd', total: 11 }), request);
    expect(answer.json()).toBe(11);
    expect(answer.headers?.get('x-error') ?? '').toBe('');
    expect(await clients.get(after.Shop).place({ id: 'e', total: 13 })).toBe(13);
  });

  it('the dead letters of the old service can be published again', async () => {
    await eventually(
      () => charged,
      (ids) => ids.includes('e'),
    );
    await client(nc).publish('orders__microservice_dlq-stream', JSON.stringify({ id: 'f', total: 15 }), {
      headers: headersOf(EVENT, {
        'x-dead-letter-reason': 'no bank',
        'x-original-subject': EVENT,
        'x-original-stream': EVENTS,
        'x-failed-at': new Date().toISOString(),
        'x-delivery-count': '3',
      }),
    });
    const replaying = await Test.createTestingModule({
      imports: [JetStreamModule.forRoot({ connection: { servers: server.url } })],
      providers: [after.OldLetters],
    })
      .setLogger(logs)
      .compile();
    await replaying.init();
    await eventually(
      () => charged,
      (ids) => ids.includes('f'),
    );
    const letters = await replaying
      .get(JetStreamService)
      .consumer('orders__microservice_dlq-stream', 'old-letters');
    await eventually(
      () => letters.info(),
      ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
    );
    await replaying.close();
    expect(charged.filter((id) => id === 'f')).toHaveLength(1);
  });
});
