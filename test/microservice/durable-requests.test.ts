import { Controller, type Type } from '@nestjs/common';
import { Ctx, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  DEAD_LETTER_STREAM,
  NoStreamResponseError,
  RequestTimeoutError,
  RetryMessage,
  TerminateMessage,
  type JetStreamService,
} from 'nestjs-nats-jetstream';
import {
  JetStreamEventContext,
  JetStreamRecordBuilder,
  type JetStreamServerOptions,
  type RequestExtras,
} from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { from, interval, take } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../lib/connection/index.js';
import { eventually } from '../support/eventually.js';
import {
  ask,
  askAll,
  connectClient,
  failure,
  startMicroservice,
  type TestMicroservice,
} from './microservice.js';
import { serviceOn } from '../support/service-on.js';

type Handle = (data: unknown, context: JetStreamEventContext) => unknown;

function controller(pattern: string, handle: Handle, extras: Partial<RequestExtras> = {}): Type {
  @Controller()
  class Work {
    @MessagePattern(pattern, { mode: 'jetstream', ...extras })
    on(@Payload() data: unknown, @Ctx() context: JetStreamEventContext): unknown {
      return handle(data, context);
    }
  }
  return Work;
}

describe('durable requests', () => {
  let nats: NatsTestServer;
  let nc: NatsConnection;
  let jetstream: JetStreamService;
  let client: Awaited<ReturnType<typeof connectClient>>;
  let serial = 0;
  let root = '';
  let seen: unknown[] = [];

  beforeAll(async () => {
    nats = await NatsTestServer.start();
    nc = await connect({ servers: nats.url, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
    jetstream = serviceOn(nc);
    client = await connectClient(nats.url, {
      mode: 'jetstream',
      connection: { servers: nats.url, reconnectTimeWait: 50 },
    });
  });
  afterAll(async () => {
    await client.close();
    await nc.close();
    await nats.stop();
  });
  beforeEach(() => {
    root = `r${++serial}`;
    seen = [];
  });

  const stream = () => ({
    name: root.toUpperCase(),
    subjects: [`${root}.>`],
    retention: 'workqueue' as const,
  });

  function start(
    controllers: Type[],
    server: Partial<JetStreamServerOptions> = {},
  ): Promise<TestMicroservice> {
    return startMicroservice(nats.url, {
      controllers,
      server: {
        name: root,
        streams: [stream()],
        connection: { servers: nats.url, reconnectTimeWait: 50 },
        requests: { retry: { maxDeliver: 3, backoff: [10] } },
        ...server,
      },
    });
  }

  const stored = () =>
    eventually(
      async () => (await (await jetstream.stream(stream().name)).info()).state.messages,
      (messages) => messages === 0,
    );

  it('are answered, with one answer or several', async () => {
    await using service = await start([
      controller(`${root}.double`, (n) => 2 * (n as number)),
      controller(`${root}.count`, (n) => interval(2).pipe(take(n as number))),
      controller(`${root}.at-once`, (n) => from(Array.from({ length: n as number }, (_, i) => i))),
      controller(`${root}.iterated`, async function* (n) {
        for (let i = 0; i < (n as number); i++) yield i;
      }),
      controller(`${root}.void`, () => undefined),
      controller(`${root}.record`, (n) => new JetStreamRecordBuilder(n).setHeaders({ Note: 'x' }).build()),
    ]);
    expect(service.app).toBeDefined();
    expect(await ask(client, `${root}.double`, 4)).toBe(8);
    expect(await ask(client, `${root}.record`, 4)).toBe(4);
    for (const pattern of ['count', 'at-once', 'iterated']) {
      expect(await askAll(client, `${root}.${pattern}`, 5)).toEqual([0, 1, 2, 3, 4]);
    }
    expect(await askAll(client, `${root}.void`, 1)).toEqual([]);
    await stored();
  });

  it('wait for a service that is not running', async () => {
    await jetstream.createStream(stream());
    const answers = Promise.all([1, 2, 3].map((n) => ask(client, `${root}.double`, n)));
    await eventually(
      async () => (await (await jetstream.stream(stream().name)).info()).state.messages,
      (messages) => messages === 3,
    );
    await using service = await start([controller(`${root}.double`, (n) => 2 * (n as number))]);
    expect(service.app).toBeDefined();
    expect(await answers).toEqual([2, 4, 6]);
  });

  it('survive a restart of the service in the middle of its work', async () => {
    const hangs = await start(
      [
        controller(`${root}.work`, (n) => {
          seen.push(n);
          return new Promise(() => undefined);
        }),
      ],
      { shutdownTimeout: 0 },
    );
    const answer = ask(client, `${root}.work`, 1);
    await eventually(
      () => seen,
      (all) => all.length === 1,
    );
    await hangs.app.close();
    await using again = await start([
      controller(`${root}.work`, (n, { metadata }) => ({ n, delivery: metadata.deliveryCount })),
    ]);
    expect(again.app).toBeDefined();
    expect(await answer).toEqual({ n: 1, delivery: 2 });
    await stored();
  });

  it('survive a restart of the NATS server while they wait and while they are handled', async () => {
    await using own = await NatsTestServer.start();
    const connection = { servers: own.url, reconnectTimeWait: 50 };
    let finish: () => void = () => undefined;
    await using service = await start(
      [
        controller(`${root}.work`, async (n) => {
          seen.push(n);
          if (n === 0) await new Promise<void>((resolve) => (finish = resolve));
          return 10 * (n as number);
        }),
      ],
      { connection },
    );
    expect(service.app).toBeDefined();
    await using asking = await connectClient(own.url, { mode: 'jetstream', connection });
    const answers = Promise.all(Array.from({ length: 20 }, (_, n) => ask<number>(asking, `${root}.work`, n)));
    await eventually(
      () => seen,
      (all) => all.length === 1,
    );
    await own.restart();
    finish();
    expect(await answers).toEqual(Array.from({ length: 20 }, (_, n) => 10 * n));
  });

  it('fail once with the RpcException of the handler', async () => {
    await using service = await start([
      controller(`${root}.refuse`, () => {
        seen.push(1);
        throw new RpcException({ code: 7, message: 'not allowed' });
      }),
    ]);
    expect(service.app).toBeDefined();
    const error = (await failure(ask(client, `${root}.refuse`, 1))) as RpcException;
    expect(error.getError()).toEqual({ code: 7, message: 'not allowed' });
    await stored();
    expect(seen).toEqual([1]);
  });

  it('are retried after an error of the handler until it answers', async () => {
    await using service = await start([
      controller(`${root}.flaky`, (_, { metadata }) => {
        if (metadata.deliveryCount === 1) throw new Error('broken');
        if (metadata.deliveryCount === 2) throw new RetryMessage(1);
        return metadata.deliveryCount;
      }),
    ]);
    expect(service.app).toBeDefined();
    expect(await ask(client, `${root}.flaky`, 1)).toBe(3);
    await stored();
  });

  it('fail after their last delivery, and become dead letters', async () => {
    await using service = await start([
      controller(`${root}.broken`, (_, { metadata }) => {
        seen.push(metadata.deliveryCount);
        throw new Error('the password is 1234');
      }),
      controller(`${root}.terminated`, () => {
        throw new TerminateMessage('no such order');
      }),
    ]);
    expect(service.app).toBeDefined();
    const broken = (await failure(ask(client, `${root}.broken`, 1))) as RpcException;
    expect(broken.getError()).toEqual({ status: 'error', message: 'Internal server error' });
    expect(seen).toEqual([1, 2, 3]);
    expect((await failure(ask(client, `${root}.terminated`, 1))).message).toBe('no such order');
    await stored();
    const letters = await jetstream.stream(DEAD_LETTER_STREAM);
    const { state } = await letters.info({ subjectFilter: `dead-letters.${stream().name}.>` });
    expect(Object.keys(state.subjects ?? {})).toHaveLength(2);
  });

  it('that are malformed become dead letters, and their caller receives an error', async () => {
    await using service = await start([controller(`${root}.x`, (data) => data)]);
    expect(service.app).toBeDefined();
    const inbox = nc.subscribe('told', { max: 1, callback: (_, message) => void seen.push(message.json()) });
    await jetstream.publish(`${root}.x`, new Uint8Array([123]), { headers: { 'Request-Reply-To': 'told' } });
    await eventually(
      () => seen,
      (all) => all.length === 1,
    );
    expect(seen[0]).toMatchObject({ isDisposed: true, err: { status: 'error' } });
    inbox.unsubscribe();
    await stored();
  });

  it('without a handler become dead letters, and their caller receives an error at once', async () => {
    const server: Partial<JetStreamServerOptions> = {
      streams: [{ ...stream(), retention: 'limits' }],
    };
    const before = await start([controller(`${root}.*`, () => 'old', { durable: 'work' })], server);
    await before.app.close();
    const after = controller(`${root}.new`, () => 'new', { durable: 'work' });
    await using service = await start([after], { ...server, provisioning: 'off' });
    expect(service.app).toBeDefined();
    const error = (await failure(ask(client, `${root}.old`, 1))) as RpcException;
    expect(error.getError()).toEqual({ status: 'error', message: `no handler for "${root}.old"` });
    expect(await ask(client, `${root}.new`, 1)).toBe('new');
    const letters = await jetstream.stream(DEAD_LETTER_STREAM);
    expect(await letters.getLastMessage(`dead-letters.${stream().name}.work`)).toBeDefined();
  });

  it('whose caller does not wait are handled', async () => {
    await using service = await start([controller(`${root}.x`, (data) => void seen.push(data))]);
    expect(service.app).toBeDefined();
    await jetstream.publish(`${root}.x`, JSON.stringify({ bare: true }));
    client.send(`${root}.x`, 'unsubscribed').subscribe().unsubscribe();
    await eventually(
      () => seen,
      (all) => all.length === 2,
    );
    expect(seen).toContainEqual({ bare: true });
    expect(seen).toContain('unsubscribed');
    await stored();
  });

  it('are not blocked by callers that no longer exist', async () => {
    await jetstream.createStream(stream());
    const gone = await connectClient(nats.url, { mode: 'jetstream' });
    for (let i = 0; i < 3; i++) gone.send(`${root}.x`, i).subscribe({ error: () => undefined });
    await eventually(
      async () => (await (await jetstream.stream(stream().name)).info()).state.messages,
      (messages) => messages === 3,
    );
    await gone.close();
    const started = performance.now();
    await using service = await start([controller(`${root}.x`, (data) => data)]);
    expect(service.app).toBeDefined();
    expect(await ask(client, `${root}.x`, 'mine')).toBe('mine');
    expect(performance.now() - started).toBeLessThan(4_000);
    await stored();
  });

  it('fail if no stream stores them, or no answer arrives in time', async () => {
    const once = new JetStreamRecordBuilder(1).setRetry({ attempts: 0 }).build();
    expect(await failure(ask(client, `${root}.x`, once))).toBeInstanceOf(NoStreamResponseError);
    await jetstream.createStream(stream());
    const record = new JetStreamRecordBuilder(1).setTimeout(100).build();
    expect(await failure(ask(client, `${root}.x`, record))).toBeInstanceOf(RequestTimeoutError);
  });

  it('and others are distinguished by the record, even if a stream listens on the subject', async () => {
    @Controller()
    class Both {
      @MessagePattern('both.core')
      core(): string {
        return 'core';
      }
    }
    await using service = await start([Both], { streams: [{ name: 'BOTH', subjects: ['both.>'] }] });
    expect(service.app).toBeDefined();
    const record = new JetStreamRecordBuilder(1).setMode('core').build();
    for (let i = 0; i < 5; i++) expect(await ask(client, 'both.core', record)).toBe('core');
  });
});
