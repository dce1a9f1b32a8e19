import { Controller, Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxy, ClientsModule, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import {
  ConnectionClosedError,
  ConnectionFailedError,
  getJetStreamToken,
  InvalidArgumentError,
  JetStreamModule,
  JetStreamService,
  NoStreamResponseError,
  PublishRefusedError,
  WrongLastSequenceError,
  type PubAck,
} from 'nestjs-nats-jetstream';
import { JetStreamClient, JetStreamRecordBuilder, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { firstValueFrom, NEVER, Observable } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFreePorts } from '../../lib/testing/free-ports.js';
import { eventually } from '../support/eventually.js';
import { ask, connectClient, emit, failure, startMicroservice } from './microservice.js';

describe('JetStreamClient', () => {
  let nats: NatsTestServer;
  let raw: NatsConnection;
  let application: Awaited<ReturnType<typeof NestFactory.createApplicationContext>>;
  let jetstream: JetStreamService;

  beforeAll(async () => {
    nats = await NatsTestServer.start();
    raw = await connect({ servers: nats.url });
    @Module({
      imports: [
        JetStreamModule.forRoot({ connection: { servers: nats.url } }),
        JetStreamModule.forFeature({
          streams: [
            { name: 'EVENTS', subjects: ['events.>'], allowMessageTtl: true, allowMessageSchedules: true },
          ],
        }),
      ],
    })
    class Observer {}
    application = await NestFactory.createApplicationContext(Observer, { logger: false });
    jetstream = application.get(JetStreamService);
  });
  afterAll(async () => {
    await application.close();
    await raw.close();
    await nats.stop();
  });

  describe('emit', () => {
    it('resolves when the stream has stored the event, as a bare payload', async () => {
      await using client = await connectClient(nats.url);
      const ack = await emit<PubAck>(client, 'events.bare', { id: 1 });
      expect(ack).toMatchObject({ stream: 'EVENTS', duplicate: false });
      const stored = await (await jetstream.stream('EVENTS')).getMessage(ack.sequence);
      expect(stored.subject).toBe('events.bare');
      expect(stored.text()).toBe('{"id":1}');
    });

    it('accepts a message id, headers, expectations, TTL and a schedule', async () => {
      await using client = await connectClient(nats.url, { headers: { Source: 'test' } });
      const record = () =>
        new JetStreamRecordBuilder({ id: 1 }).setMessageId('m-1').setHeaders({ 'Trace-Id': '7' }).build();
      const first = await emit<PubAck>(client, 'events.options', record());
      expect(await emit<PubAck>(client, 'events.options', record())).toEqual({ ...first, duplicate: true });
      const stream = await jetstream.stream('EVENTS');
      const { headers } = await stream.getMessage(first.sequence);
      expect(headers?.get('Trace-Id')).toBe('7');
      expect(headers?.get('Source')).toBe('test');

      const expecting = (lastSubjectSequence: number) =>
        new JetStreamRecordBuilder(2).setExpectations({ lastSubjectSequence }).build();
      await emit(client, 'events.options', expecting(first.sequence));
      expect(await failure(emit(client, 'events.options', expecting(first.sequence)))).toBeInstanceOf(
        WrongLastSequenceError,
      );

      const mortal = await emit<PubAck>(
        client,
        'events.mortal',
        new JetStreamRecordBuilder(1).setTtl(1_000).build(),
      );
      expect((await stream.getMessage(mortal.sequence)).headers?.get('Nats-TTL')).toBe('1s');

      const at = new Date(Date.now() + 300);
      await emit(
        client,
        'events.schedules.1',
        new JetStreamRecordBuilder('later').setSchedule({ at, target: 'events.scheduled' }).build(),
      );
      const scheduled = await eventually(
        () => stream.getLastMessage('events.scheduled').catch(() => undefined),
        (message) => message !== undefined,
      );
      expect(scheduled?.json()).toBe('later');
    });

    it('stores an event of an idempotent client once during a server restart', async () => {
      await using own = await NatsTestServer.start();
      const connection = { servers: own.url, reconnectTimeWait: 20 };
      await using service = await startMicroservice(own.url, {
        controllers: [],
        server: { streams: [{ name: 'EVENTS', subjects: ['events.>'] }] },
      });
      await using client = await connectClient(own.url, {
        connection,
        publish: { idempotent: true, timeout: 10_000 },
      });
      const acks = Array.from({ length: 50 }, (_, i) => emit<PubAck>(client, 'events.x', i));
      await own.restart();
      acks.push(...Array.from({ length: 50 }, (_, i) => emit<PubAck>(client, 'events.x', i)));
      expect(new Set((await Promise.all(acks)).map(({ sequence }) => sequence)).size).toBe(100);
      expect(service.app).toBeDefined();
    });

    it('fails if no stream stores the event, or rejects it', async () => {
      await using client = await connectClient(nats.url, { publish: { retry: { attempts: 1, wait: 10 } } });
      expect(await failure(emit(client, 'nowhere', 1))).toBeInstanceOf(NoStreamResponseError);
      const elsewhere = new JetStreamRecordBuilder(1).setExpectations({ stream: 'OTHER' }).build();
      expect(await failure(emit(client, 'events.x', elsewhere))).toBeInstanceOf(PublishRefusedError);
      expect((await failure(emit(client, 'events.*', 1))).name).toBe('InvalidSubjectError');
      expect((await failure(emit(client, 'x'.repeat(5_000), 1))).name).toBe('InvalidSubjectError');
      const core = new JetStreamRecordBuilder(1).setMode('core').build();
      expect((await failure(emit(client, 'x'.repeat(5_000), core))).name).toBe('InvalidSubjectError');
      expect((await failure(ask(client, 'x'.repeat(5_000), 1))).name).toBe('InvalidSubjectError');
    });

    it("publishes in the format of Nest's own transport with mode 'core'", async () => {
      await using client = await connectClient(nats.url);
      const received: unknown[] = [];
      raw.subscribe('core.event', { callback: (_, message) => void received.push(message.json()) });
      await raw.flush();
      await emit(client, 'core.event', new JetStreamRecordBuilder({ id: 1 }).setMode('core').build());
      await eventually(
        () => received,
        ({ length }) => length === 1,
      );
      expect(received).toEqual([{ pattern: 'core.event', data: { id: 1 } }]);
    });

    it('sends the additions of a dispatch hook: in headers (events), in the packet (requests)', async () => {
      const seen: unknown[] = [];
      @Controller()
      class Hooked {
        @MessagePattern('hooked')
        hooked(@Payload() data: unknown): unknown {
          return data;
        }
      }
      await using service = await startMicroservice(nats.url, { controllers: [Hooked] });
      expect(service.app).toBeDefined();
      await using client = await connectClient(nats.url);
      client.setOnDispatchHook((packet) => {
        packet.metadata = { 'Trace-Id': '9' };
      });
      raw.subscribe('hooked', { callback: (_, message) => void seen.push(message.json()) });
      await raw.flush();
      await ask(client, 'hooked', 1);
      await eventually(
        () => seen,
        ({ length }) => length === 1,
      );
      expect(seen[0]).toMatchObject({ pattern: 'hooked', data: 1, metadata: { 'Trace-Id': '9' } });
      const { sequence } = await emit<PubAck>(client, 'events.hooked', 1);
      const stored = await (await jetstream.stream('EVENTS')).getMessage(sequence);
      expect(stored.headers?.get('Trace-Id')).toBe('9');
    });
  });

  describe('connects', () => {
    it('with the first call, once for all', async () => {
      const client = new JetStreamClient({ connection: { servers: nats.url } });
      expect(() => client.unwrap()).toThrow('is not connected');
      const statuses: string[] = [];
      client.status.subscribe((status) => statuses.push(status));
      await Promise.all([emit(client, 'events.a', 1), emit(client, 'events.b', 1)]);
      expect(client.unwrap()).toBe(await client.connect());
      expect(statuses).toEqual(['connected']);
      await client.close();
      expect(() => client.unwrap()).toThrow('is not connected');
    });

    it('not without a server, which fails at once, but with the next call when there is one', async () => {
      const own = await NatsTestServer.start();
      await own.kill();
      const client = new JetStreamClient({ connection: { servers: own.url } });
      expect(await failure(client.connect())).toBeInstanceOf(ConnectionFailedError);
      expect(await failure(ask(client, 'x', 1))).toBeInstanceOf(ConnectionFailedError);
      await own.restart();
      await client.connect();
      await client.close();
      await own.stop();
    });

    it('again after it was closed', async () => {
      const client = new JetStreamClient({ connection: { servers: nats.url } });
      await emit(client, 'events.a', 1);
      await client.close();
      expect(await emit(client, 'events.a', 2)).toMatchObject({ stream: 'EVENTS' });
      await client.close();
      await client.close();
    });

    it('and leaves nothing open if it is closed meanwhile', async () => {
      const client = new JetStreamClient({ connection: { servers: nats.url } });
      const opening = client.connect();
      await client.close();
      const nc = await opening;
      expect(nc.isClosed()).toBe(true);
    });

    it('or fails its callers if it is closed while it waits for a server', async () => {
      const [port] = await findFreePorts(1);
      const client = new JetStreamClient({
        connection: { servers: `127.0.0.1:${port}`, waitOnFirstConnect: true },
      });
      const calls = [client.connect(), ask(client, 'any', 1), emit(client, 'events.a', 1)].map(failure);
      await client.close();
      for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(ConnectionClosedError);
    });

    it('and reports disconnects and reconnects', async () => {
      await using own = await NatsTestServer.start();
      await using client = await connectClient(own.url, {
        connection: { servers: own.url, reconnectTimeWait: 20 },
      });
      const events: string[] = [];
      client.on('disconnect', () => events.push('disconnect'));
      client.on('reconnect', () => events.push('reconnect'));
      client.on('close', () => events.push('close'));
      client.status.subscribe((status) => events.push(status));
      await own.restart();
      await eventually(
        () => events,
        (all) => all.includes('reconnect'),
      );
      expect(events).toEqual(['connected', 'disconnected', 'disconnect', 'connected', 'reconnect']);
      await client.close();
    });
  });

  it('reports missing permissions, like its server', async () => {
    const permissions = { publish: { deny: ['secret'] }, subscribe: { deny: ['hidden'] } };
    await using own = await NatsTestServer.start({
      users: [{ user: 'u', permissions }],
      noAuthUser: 'u',
    });
    const denied: string[] = [];
    @Controller()
    class Hidden {
      @MessagePattern('hidden')
      answer(): void {}
    }
    await using service = await startMicroservice(own.url, {
      controllers: [Hidden],
      prepare: (_, server) =>
        server.on('permission-denied', ({ message }) => denied.push(`server: ${message}`)),
    });
    await using client = await connectClient(own.url, { timeout: 200 });
    client.on('permission-denied', ({ message }) => denied.push(`client: ${message}`));
    await expect(ask(client, 'secret', 1)).rejects.toThrow();
    await eventually(
      () => denied,
      (all) => all.length >= 2,
    );
    expect(denied.toSorted()).toEqual([
      expect.stringMatching(/^client: .*publish.*"secret"/i),
      expect.stringMatching(/^server: .*subscription.*"hidden"/i),
    ]);
    expect(service.logs.of('error', 'NatsConnection')).toEqual([
      expect.stringContaining('no permission to subscribe to "hidden"'),
      expect.stringContaining('no permission to publish to "secret"'),
    ]);
  });

  it('fails requests that wait for answers when it is closed', async () => {
    @Controller()
    class Silent {
      @MessagePattern('silent')
      silent(): unknown {
        return NEVER;
      }
    }
    await using service = await startMicroservice(nats.url, {
      controllers: [Silent],
      server: { shutdownTimeout: 0 },
    });
    expect(service.app).toBeDefined();
    const client = await connectClient(nats.url);
    const waiting = failure(ask(client, 'silent', 1));
    await client.close();
    expect(await waiting).toBeInstanceOf(ConnectionClosedError);
  });

  it('cancels a request, and logs nothing, when it is closed between two answers', async () => {
    let stopped = false;
    @Controller()
    class Endless {
      @MessagePattern('endless')
      endless(): Observable<number> {
        return new Observable((subscriber) => {
          const timer = setInterval(() => subscriber.next(1), 5);
          return () => {
            clearInterval(timer);
            stopped = true;
          };
        });
      }
    }
    await using service = await startMicroservice(nats.url, { controllers: [Endless] });
    const client = await connectClient(nats.url);
    const ended = new Promise<unknown>((resolve) => {
      client.send('endless', 1).subscribe({ next: () => void client.close(), error: resolve });
    });
    expect(await ended).toBeInstanceOf(ConnectionClosedError);
    await eventually(() => stopped, Boolean);
    expect([...service.logs.of('warn'), ...service.logs.of('error')]).toEqual([]);
  });

  it.each([0, -1, NaN])('rejects a timeout of %s', async (timeout) => {
    expect(() => new JetStreamClient({ timeout })).toThrow(InvalidArgumentError);
    await using client = await connectClient(nats.url);
    const error = await failure(ask(client, 'x', new JetStreamRecordBuilder(1).setTimeout(timeout).build()));
    expect(error).toBeInstanceOf(InvalidArgumentError);
  });

  it('rejects options that belong to the owner of a shared connection', () => {
    expect(() => new JetStreamClient({ connection: jetstream, publish: { timeout: 1 } })).toThrow(
      'publish: the JetStreamService',
    );
    const options = { name: 'shared', connection: jetstream, jetstream: { domain: 'hub' } };
    expect(() => new JetStreamServer(options)).toThrow('jetstream: the JetStreamService');
  });

  describe('in an application', () => {
    @Injectable()
    class Producer {
      constructor(@Inject('EVENTS') readonly client: ClientProxy) {}
    }

    it('that only sends is registered by its class, and closed with the application', async () => {
      const module = await Test.createTestingModule({
        imports: [
          ClientsModule.register([
            { name: 'EVENTS', customClass: JetStreamClient, options: { connection: { servers: nats.url } } },
          ]),
        ],
        providers: [Producer],
      }).compile();
      const { client } = module.get(Producer);
      expect(await firstValueFrom(client.emit('events.produced', 1))).toMatchObject({ stream: 'EVENTS' });
      const nc = client.unwrap<NatsConnection>();
      await module.close();
      expect(nc.isClosed()).toBe(true);
    });

    it('shares the connection of a JetStreamModule, and leaves it open', async () => {
      const module = await Test.createTestingModule({
        imports: [
          JetStreamModule.forRoot({ connection: { servers: nats.url } }),
          ClientsModule.registerAsync([
            {
              name: 'EVENTS',
              inject: [getJetStreamToken()],
              useFactory: (connection: JetStreamService) => ({
                customClass: JetStreamClient,
                options: { connection },
              }),
            },
          ]),
        ],
        providers: [Producer],
      }).compile();
      await module.init();
      const { client } = module.get(Producer);
      const shared = module.get(JetStreamService);
      await firstValueFrom(client.emit('events.produced', 1));
      expect(client.unwrap()).toBe(shared.connection.nc);
      await client.close();
      expect(shared.connection.nc.isClosed()).toBe(false);
      await shared.publish('events.produced', '2');
      await module.close();
    });
  });

  it('uses another codec if both ends have it', async () => {
    const codec = {
      contentType: 'application/x-inverted',
      encode: (value: unknown) => Buffer.from(JSON.stringify(value)).map((byte) => 255 - byte),
      decode: (data: Uint8Array) =>
        JSON.parse(
          Buffer.from(data)
            .map((byte) => 255 - byte)
            .toString(),
        ) as unknown,
    };
    const seen: unknown[] = [];
    @Controller()
    class Inverted {
      @MessagePattern('inverted')
      inverted(@Payload() data: unknown): unknown {
        return data;
      }

      @EventPattern('events.inverted')
      on(@Payload() data: unknown): void {
        seen.push(data);
      }
    }
    await using service = await startMicroservice(nats.url, { controllers: [Inverted], server: { codec } });
    expect(service.app).toBeDefined();
    await using client = await connectClient(nats.url, { codec });
    expect(await ask(client, 'inverted', { id: 1 })).toEqual({ id: 1 });
    await emit(client, 'events.inverted', { id: 2 });
    await eventually(
      () => seen,
      ({ length }) => length === 1,
    );
    expect(seen).toEqual([{ id: 2 }]);
  });
});
