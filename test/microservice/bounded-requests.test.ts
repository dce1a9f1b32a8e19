import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, type Type } from '@nestjs/common';
import { Ctx, MessagePattern, Payload, type RpcException } from '@nestjs/microservices';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { JetStreamRequestContext, RequestExtras } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { firstValueFrom, of, Subject, type Observable } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { ask, askAll, connectClient, failure, startMicroservice } from './microservice.js';

/** The started requests in order, each with a function that ends it. */
let begun: { readonly request: unknown; readonly signal: AbortSignal; readonly finish: () => void }[] = [];

/** A controller whose requests are ended by the test. */
function controller(extras: RequestExtras): Type {
  @Controller()
  class Works {
    @MessagePattern('work', extras)
    work(@Payload() request: unknown, @Ctx() { signal }: JetStreamRequestContext): Promise<unknown> {
      return new Promise((resolve) => begun.push({ request, signal, finish: () => resolve(request) }));
    }
  }
  return Works;
}

describe('requests with a concurrency', () => {
  let nats: NatsTestServer;
  let raw: NatsConnection;
  let client: Awaited<ReturnType<typeof connectClient>>;

  beforeAll(async () => {
    nats = await NatsTestServer.start({ jetstream: false });
    raw = await connect({ servers: nats.url });
    client = await connectClient(nats.url);
  });
  afterAll(async () => {
    await client.close();
    await raw.close();
    await nats.stop();
  });
  beforeEach(() => {
    begun = [];
  });

  const start = (extras: RequestExtras) => startMicroservice(nats.url, { controllers: [controller(extras)] });

  const requests = () => begun.map(({ request }) => request);

  /** Resolves when the service has received everything that was sent to it before. */
  async function arrived(): Promise<void> {
    await client.unwrap().flush();
    // It answers an invalid request after it has received all earlier ones.
    await raw.request('work', '{');
  }

  const begins = (count: number) =>
    eventually(
      () => begun,
      ({ length }) => length === count,
    );

  it('start up to that many at once, the rest in order', async () => {
    await using service = await start({ concurrency: 2 });
    expect(service.app).toBeDefined();
    const answers = Promise.all([1, 2, 3, 4].map((i) => ask(client, 'work', i)));
    await begins(2);
    await arrived();
    expect(requests()).toEqual([1, 2]);
    begun[1].finish();
    await begins(3);
    begun[0].finish();
    await begins(4);
    begun[2].finish();
    begun[3].finish();
    expect(await answers).toEqual([1, 2, 3, 4]);
    expect(requests()).toEqual([1, 2, 3, 4]);
  });

  it('are rejected at once if maxPending requests are waiting', async () => {
    await using service = await start({ concurrency: 1, maxPending: 1 });
    const answers = Promise.all([1, 2].map((i) => ask(client, 'work', i)));
    await begins(1);
    const busy = { status: 'error', code: 503, message: 'The service has too many requests waiting' };
    for (let i = 0; i < 2; i++) {
      expect(((await failure(ask(client, 'work', 3))) as RpcException).getError()).toEqual(busy);
    }
    const bare = await raw.request('work', '3');
    expect(bare.headers?.get('Nats-Service-Error-Code')).toBe('503');
    expect(service.logs.of('error', 'JetStreamServer')).toEqual([
      'Requests on "work" are rejected: 1 (maxPending) are already waiting. Raise concurrency or maxPending, or start more instances.',
    ]);
    begun[0].finish();
    await begins(2);
    begun[1].finish();
    expect(await answers).toEqual([1, 2]);
    const later = ask(client, 'work', 4);
    await begins(3);
    begun[2].finish();
    expect(await later).toBe(4);
  });

  it('that were cancelled do not start, and keep their slot while their handler still runs', async () => {
    await using service = await start({ concurrency: 1 });
    expect(service.app).toBeDefined();
    const calls = [1, 2].map((i) => client.send('work', i).subscribe());
    await begins(1);
    const third = ask(client, 'work', 3);
    await arrived();
    for (const call of calls) call.unsubscribe();
    await eventually(
      () => begun[0].signal,
      ({ aborted }) => aborted,
    );
    await arrived();
    expect(requests()).toEqual([1]);
    begun[0].finish();
    await begins(2);
    begun[1].finish();
    expect(await third).toBe(3);
    expect(requests()).toEqual([1, 3]);
  });

  it('release their slot with their last answer', async () => {
    const sources: Subject<number>[] = [];
    @Controller()
    class Streams {
      @MessagePattern('streams', { concurrency: 1 } satisfies RequestExtras)
      streams(): Observable<number> {
        const source = new Subject<number>();
        sources.push(source);
        return source;
      }
    }
    await using service = await startMicroservice(nats.url, { controllers: [Streams] });
    expect(service.app).toBeDefined();
    const first = askAll(client, 'streams', 1);
    const second = askAll(client, 'streams', 2);
    const opened = (count: number) =>
      eventually(
        () => sources.filter(({ observed }) => observed),
        ({ length }) => length === count,
      );
    await opened(1);
    sources[0].next(1);
    expect(sources).toHaveLength(1);
    sources[0].complete();
    expect(await first).toEqual([1]);
    await eventually(
      () => sources,
      ({ length }) => length === 2,
    );
    await opened(1);
    sources[1].complete();
    expect(await second).toEqual([]);
  });

  it.each(['generator', 'iterator', 'observable-of-generators'])(
    'keep their slot after a cancellation until the source of their answers has ended: %s',
    async (pattern) => {
      let live = 0;
      let most = 0;
      let ended = 0;
      async function* answers(): AsyncGenerator<number> {
        most = Math.max(most, ++live);
        try {
          for (let i = 0; ; i++) {
            await sleep(40);
            yield i;
          }
        } finally {
          live--;
          ended++;
        }
      }
      const slowToReturn = (): AsyncIterableIterator<number> => {
        most = Math.max(most, ++live);
        return {
          next: async () => (await sleep(10), { done: false, value: 1 }),
          return: async () => {
            await sleep(60);
            live--;
            ended++;
            return { done: true, value: undefined };
          },
          [Symbol.asyncIterator]() {
            return this;
          },
        };
      };
      const extras: RequestExtras = { concurrency: 2 };
      @Controller()
      class Streams {
        @MessagePattern('generator', extras)
        generator(): AsyncGenerator<number> {
          return answers();
        }

        @MessagePattern('iterator', extras)
        iterator(): AsyncIterableIterator<number> {
          return slowToReturn();
        }

        @MessagePattern('observable-of-generators', extras)
        nested(): Observable<unknown> {
          return of(answers());
        }
      }
      await using service = await startMicroservice(nats.url, { controllers: [Streams] });
      expect(service.app).toBeDefined();
      const count = 12;
      for (let i = 0; i < count; i++) {
        const subscription = client.send(pattern, i).subscribe({ error: () => undefined });
        await sleep(15);
        subscription.unsubscribe();
      }
      await eventually(
        () => live,
        (running) => running === 0,
      );
      expect(ended).toBeGreaterThan(1);
      expect(most).toBeLessThanOrEqual(2);
      // The slots are free again.
      await expect(firstValueFrom(client.send(pattern, 1))).resolves.toBeTypeOf('number');
    },
  );

  it('that wait at shutdown are handled within the shutdown timeout', async () => {
    const service = await start({ concurrency: 1 });
    const answers = Promise.all([1, 2].map((i) => ask(client, 'work', i)));
    await begins(1);
    await arrived();
    const closing = service.app.close();
    begun[0].finish();
    await begins(2);
    begun[1].finish();
    expect(await answers).toEqual([1, 2]);
    await closing;
  });

  it('that are cancelled at shutdown do not start', async () => {
    const service = await startMicroservice(nats.url, {
      controllers: [controller({ concurrency: 1 })],
      server: { shutdownTimeout: 50 },
    });
    const failures = Promise.all([1, 2].map((i) => failure(ask(client, 'work', i))));
    await begins(1);
    await arrived();
    await service.app.close();
    for (const { message } of await failures) expect(message).toContain('stopped before');
    begun[0].finish();
    await new Promise((resolve) => setImmediate(resolve));
    expect(requests()).toEqual([1]);
  });

  it.each([
    [{ concurrency: 0 }, 'concurrency must be a whole number from 1 to 65536; it is 0'],
    [
      { concurrency: 65_537 },
      'concurrency must be a whole number from 1 to 65536; it is 65537: use a smaller number',
    ],
    [{ concurrency: 1, maxPending: -1 }, 'maxPending must be a whole number from 0 to 16777216; it is -1'],
    [
      { concurrency: 1, maxPending: 1e9 },
      'maxPending must be a whole number from 0 to 16777216; it is 1000000000',
    ],
  ])('reject the option %j', async (extras, problem) => {
    const error = await failure(start(extras));
    expect(error.name).toBe('HandlerConfigurationError');
    expect(error.message).toContain(`@MessagePattern('work'): ${problem}`);
  });
});
