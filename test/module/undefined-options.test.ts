import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import {
  DEAD_LETTER_STREAM,
  getObjectStoreToken,
  Handlers,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  OnDeadLetter,
  type ConnectionOptions,
  type JsConsumerOptions,
  type ObjectStore,
} from 'nestjs-nats-jetstream';
import { JetStreamRecord, type EventExtras, type RequestExtras } from 'nestjs-nats-jetstream/microservice';
import type { NodeConnectionOptions } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openConnection } from '../../lib/connection/index.js';
import { ask, connectClient, failure, startMicroservice } from '../microservice/microservice.js';
import { ConnectedJetStream } from '../jetstream/streams/connected-jetstream.js';
import { startApplication } from '../support/application.js';

let server: NatsTestServer;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

describe('an undefined option counts as omitted', () => {
  describe('of a connection', () => {
    /** The options that the client has parsed. */
    async function optionsOf(options: ConnectionOptions): Promise<NodeConnectionOptions> {
      const { nc } = await openConnection('default', { ...options, servers: server.url }, {});
      await nc.close();
      const client: object = nc;
      if (!('options' in client)) throw new Error('the client keeps its options elsewhere');
      return client.options as NodeConnectionOptions;
    }

    it.each([
      ['maxReconnectAttempts', -1],
      ['reconnect', true],
      ['reconnectTimeWait', 2_000],
      ['pingInterval', 120_000],
      ['maxPingOut', 2],
    ] as const)('%s', async (option, expected) => {
      expect(await optionsOf({ [option]: undefined })).toHaveProperty(option, expected);
    });

    it('for every option, with TLS', async () => {
      const options: ConnectionOptions = {
        user: undefined,
        pass: undefined,
        token: undefined,
        authenticator: undefined,
        name: undefined,
        port: undefined,
        inboxPrefix: undefined,
        tls: undefined,
      };
      expect(Object.keys(await optionsOf(options))).not.toEqual(expect.arrayContaining(['user', 'token']));
      const secured = { ca: undefined, caFile: undefined, certFile: undefined, keyFile: undefined };
      const connecting = openConnection('default', { servers: server.url, tls: secured }, {});
      // The server of this test has no TLS, which the options require.
      expect((await failure(connecting)).message).toMatch(/tls/i);
    });
  });

  it('for a client that does not wait for a server', async () => {
    const client = connectClient('nats://127.0.0.1:1', {
      connection: { servers: 'nats://127.0.0.1:1', waitOnFirstConnect: undefined },
    });
    expect((await failure(client)).name).toBe('ConnectionFailedError');
  });

  it('of a consumer: the defaults of the module apply', async () => {
    @Injectable()
    class Billing {
      @JsConsumer({
        stream: 'ORDERS',
        durable: 'billing',
        concurrency: undefined,
        ackWait: undefined,
        ackMode: undefined,
        deadLetter: undefined,
        filterSubjects: undefined,
        retry: { maxDeliver: undefined, backoff: undefined, jitter: undefined, errors: undefined },
      })
      onOrder(): void {}

      @JsConsumer({ stream: 'ORDERS', durable: 'other', retry: undefined })
      onOther(): void {}
    }
    await using started = await startApplication(server.url, {
      options: {
        handlers: { ackWait: 7_000, ackMode: 'confirmed', deadLetter: true, retry: { maxDeliver: 4 } },
      },
      feature: { streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' }] },
      providers: [Billing],
    });
    const stream = await started.app.get(JetStreamService).stream('ORDERS');
    for (const durable of ['billing', 'other']) {
      const { config } = (await stream.consumer(durable)).cachedInfo;
      expect(config).toMatchObject({ ackWait: 7_000, maxDeliver: 4 });
    }
    expect(started.app.get(Handlers).list()).toHaveLength(2);
  });

  it('of options that a handler refers to by name: uses the connection that has them', async () => {
    @Injectable()
    class Billing {
      @JsConsumer('billing')
      onOrder(): void {}
    }
    const billing: JsConsumerOptions = { stream: 'NAMED', durable: 'billing', connection: undefined };
    await using started = await startApplication(server.url, {
      imports: [
        JetStreamModule.forRoot({
          name: 'other',
          isGlobal: undefined,
          connection: { servers: server.url },
          handlers: { consumers: { billing } },
        }),
      ],
      feature: { streams: [{ name: 'NAMED', subjects: ['named.>'], storage: 'memory' }] },
      providers: [Billing],
    });
    expect(started.app.get(Handlers).get('Billing.onOrder')).toMatchObject({ connection: 'other' });
  });

  it('of a handler of dead letters', async () => {
    @Injectable()
    class Alerts {
      @OnDeadLetter({
        stream: undefined,
        durable: undefined,
        deliverPolicy: undefined,
        retry: { maxDeliver: undefined },
      })
      onDeadLetter(): void {}
    }
    await using started = await startApplication(server.url, { providers: [Alerts] });
    const letters = await started.app.get(JetStreamService).stream(DEAD_LETTER_STREAM);
    const { config } = (await letters.consumer('Alerts-onDeadLetter')).cachedInfo;
    expect(config).toMatchObject({ maxDeliver: 5, deliverPolicy: 'new' });
  });

  it('of a pattern: the defaults of the server apply', async () => {
    const extras: EventExtras = {
      mode: undefined,
      durable: 'events',
      ackWait: undefined,
      deadLetter: undefined,
      retry: { maxDeliver: undefined, backoff: undefined },
    };
    class Events {
      @EventPattern('patterns.created', extras)
      onCreated(_data: unknown): void {}
    }
    await using _ = await startMicroservice(server.url, {
      server: {
        queue: undefined,
        codec: undefined,
        shutdownTimeout: undefined,
        streams: [{ name: 'PATTERNS', subjects: ['patterns.>'], storage: 'memory' }],
        events: { ackWait: 9_000, retry: { maxDeliver: 3 } },
      },
      controllers: [Events],
    });
    await using observer = await ConnectedJetStream.connect(server.url);
    const stream = await observer.jetstream.stream('PATTERNS');
    const { config } = (await stream.consumer('events')).cachedInfo;
    expect(config).toMatchObject({ ackWait: 9_000, maxDeliver: 3 });
  });

  it('of a durable request: it is stored once, even if the connection breaks', async () => {
    const extras: RequestExtras = { mode: 'jetstream', durable: 'requests', concurrency: undefined };
    class Work {
      @MessagePattern('work.double', extras)
      double(number: number): number {
        return 2 * number;
      }
    }
    await using _ = await startMicroservice(server.url, {
      server: { streams: [{ name: 'WORK', subjects: ['work.>'], storage: 'memory' }] },
      controllers: [Work],
    });
    await using client = await connectClient(server.url);
    const record = new JetStreamRecord(2, {
      mode: 'jetstream',
      idempotent: undefined,
      messageId: undefined,
      headers: undefined,
      timeout: undefined,
      ttl: undefined,
    });
    expect(await ask(client, 'work.double', record)).toBe(4);
    await using observer = await ConnectedJetStream.connect(server.url);
    const { headers } = await (await observer.jetstream.stream('WORK')).getMessage(1);
    expect(headers?.get('Nats-Msg-Id')).not.toBe('');
  });

  it('of the metadata of a stored file: its path is its name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'undefined-options-'));
    const path = join(folder, 'file.txt');
    await writeFile(path, 'content');
    await using started = await startApplication(server.url, {
      feature: { objectStores: [{ bucket: 'files', storage: 'memory' }] },
    });
    const store: ObjectStore = started.app.get(getObjectStoreToken('files'));
    const info = await store.putFile(path, { name: undefined, description: undefined, chunkSize: undefined });
    expect(info.name).toBe(path);
    await rm(folder, { recursive: true });
  });
});
