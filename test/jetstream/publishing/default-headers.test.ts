import { AsyncLocalStorage } from 'node:async_hooks';
import { Controller, Injectable } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  DeadLetters,
  InvalidArgumentError,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  ObjectStoreService,
  PublishTo,
  type DefaultHeaders,
  type StoredMessage,
} from 'nestjs-nats-jetstream';
import {
  JetStreamClient,
  type JetStreamEventContext,
  type JetStreamRequestContext,
} from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { headers } from '@nats-io/transport-node';
import { firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, connectClient, startMicroservice } from '../../microservice/microservice.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';

let server: NatsTestServer;
let application: TestApplication;
let jetstream: JetStreamService;
/** The present behavior of the function of the module. */
let act: (message: { readonly subject: string }) => unknown = () => undefined;
let calls: string[] = [];
const requests = new AsyncLocalStorage<string>();

@Injectable()
class Orders {
  @PublishTo('results.done')
  @JsConsumer({ stream: 'ORDERS', durable: 'orders', filterSubjects: 'orders.forward' })
  forward(@Payload() order: unknown): unknown {
    return order;
  }

  @JsConsumer({
    stream: 'ORDERS',
    durable: 'dying',
    filterSubjects: 'orders.dying',
    deadLetter: true,
    retry: { maxDeliver: 1 },
  })
  dying(): never {
    throw new Error('dead');
  }

  @JsConsumer({
    stream: 'ORDERS',
    durable: 'once',
    filterSubjects: 'orders.once',
    idempotent: { bucket: 'claims' },
  })
  once(): void {}
}

beforeAll(async () => {
  server = await NatsTestServer.start();
  application = await startApplication(server.url, {
    options: {
      publish: {
        headers: (message) => {
          calls.push(message.subject);
          return act(message) as ReturnType<Extract<DefaultHeaders, (...args: never) => unknown>>;
        },
      },
    },
    feature: {
      streams: [
        {
          name: 'ORDERS',
          subjects: ['orders.*'],
          storage: 'memory',
          allowAtomicPublish: true,
          allowBatchPublish: true,
        },
        { name: 'COUNTS', subjects: ['counts.*'], storage: 'memory', allowMessageCounter: true },
        { name: 'RESULTS', subjects: ['results.*'], storage: 'memory' },
      ],
      keyValues: [
        { bucket: 'claims', storage: 'memory' },
        { bucket: 'values', storage: 'memory' },
      ],
      objectStores: [{ bucket: 'files', storage: 'memory' }],
    },
    providers: [Orders],
  });
  jetstream = application.app.get(JetStreamService);
});
afterAll(async () => {
  await application.app.close();
  await server.stop();
});
beforeEach(() => {
  calls = [];
  act = () => ({ Origin: 'shop', Tenant: requests.getStore() ?? 'none' });
});

async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

async function last(stream: string, subject: string): Promise<StoredMessage> {
  return (await jetstream.stream(stream)).getLastMessage(subject);
}

describe('default headers', () => {
  it.each([
    ['a plain object', { Origin: 'shop', Tags: ['a', 'b'] }],
    [
      'headers of the client',
      (() => {
        const block = headers();
        block.set('Origin', 'shop');
        block.append('Tags', 'a');
        block.append('Tags', 'b');
        return block;
      })(),
    ],
  ] as [string, DefaultHeaders][])('are added to every message: %s', async (kind, defaults) => {
    await using own = await startApplication(server.url, { options: { publish: { headers: defaults } } });
    const service = own.app.get(JetStreamService);
    await service.publish('orders.plain', 1);
    await service.publish('orders.plain', 2, { headers: { Other: 'x' }, messageId: kind });
    const { headers: first } = await (await service.stream('ORDERS')).getLastMessage('orders.plain');
    expect([
      first?.get('Origin'),
      first?.values('Tags'),
      first?.get('Other'),
      first?.get('Nats-Msg-Id'),
    ]).toEqual(['shop', ['a', 'b'], 'x', kind]);
  });

  it('are replaced by headers of the message with the same name', async () => {
    await jetstream.publish('orders.own', 1, { headers: { Tenant: 'mine' } });
    expect((await last('ORDERS', 'orders.own')).headers?.values('Tenant')).toEqual(['mine']);
    expect((await last('ORDERS', 'orders.own')).headers?.get('Origin')).toBe('shop');
    await jetstream.publishMessage({ subject: 'orders.own', headers: { Origin: 'message' } });
    expect((await last('ORDERS', 'orders.own')).headers?.values('Origin')).toEqual(['message']);
  });

  it('come from the asynchronous context of the caller', async () => {
    await Promise.all(
      ['a', 'b', 'c'].map((tenant) =>
        requests.run(tenant, async () => {
          await Promise.resolve();
          await jetstream.publish(`orders.${tenant}`, 1);
        }),
      ),
    );
    for (const tenant of ['a', 'b', 'c'])
      expect((await last('ORDERS', `orders.${tenant}`)).headers?.get('Tenant')).toBe(tenant);
  });

  it('may be none', async () => {
    act = () => undefined;
    await jetstream.publish('orders.none', 1);
    expect((await last('ORDERS', 'orders.none')).headers?.keys() ?? []).toEqual([]);
    expect(calls).toEqual(['orders.none']);
  });

  const ways: [string, string, string, () => Promise<unknown>][] = [
    ['publish', 'ORDERS', 'orders.x', () => jetstream.publish('orders.x', 1)],
    ['publishMessage', 'ORDERS', 'orders.x', () => jetstream.publishMessage({ subject: 'orders.x' })],
    ['publishAsync', 'ORDERS', 'orders.x', () => jetstream.publishAsync('orders.x', 1).ack],
    [
      'publishMessageAsync',
      'ORDERS',
      'orders.x',
      () => jetstream.publishMessageAsync({ subject: 'orders.x' }).ack,
    ],
    [
      'publishBatch',
      'ORDERS',
      'orders.x',
      () => jetstream.publishBatch([{ subject: 'orders.y' }, { subject: 'orders.x' }]),
    ],
    [
      'ingest',
      'ORDERS',
      'orders.x',
      () => jetstream.ingest([{ subject: 'orders.y' }, { subject: 'orders.x' }]),
    ],
    ['increment', 'COUNTS', 'counts.x', () => jetstream.increment('counts.x')],
  ];

  it.each(ways)('are added by %s', async (_, stream, subject, send) => {
    await requests.run('acme', send);
    const { headers: stored } = await last(stream, subject);
    expect([stored?.get('Origin'), stored?.get('Tenant')]).toEqual(['shop', 'acme']);
    // Once for each message.
    expect(new Set(calls).size).toBe(calls.length);
  });

  it('are added by @PublishTo', async () => {
    await jetstream.publish('orders.forward', 1);
    const stored = await eventually(
      () => last('RESULTS', 'results.done').catch(() => undefined),
      (message) => message !== undefined,
    );
    expect(stored?.headers?.get('Origin')).toBe('shop');
    expect(calls).toEqual(['orders.forward', 'results.done']);
  });

  const bad: [string, () => unknown, RegExp][] = [
    [
      'throws',
      () => {
        throw new Error('no tenant');
      },
      /publish\.headers: the function failed: no tenant/,
    ],
    [
      'returns a promise',
      () => Promise.resolve({ Origin: 'x' }),
      /publish\.headers: the function returned a promise/,
    ],
    [
      'rejects',
      () => Promise.reject(new Error('later')),
      /publish\.headers: the function returned a promise/,
    ],
    ['returns a text', () => 'Origin: x', /headers/],
    ['returns a number', () => 7, /headers/],
    ['returns values that are not texts', () => ({ Origin: 7 }), /headers/],
    ['returns a line break', () => ({ Origin: 'a\r\nb' }), /headers/],
    ['returns an invalid name', () => ({ 'a b': 'x' }), /headers/],
  ];

  describe.each(bad)('if the function %s', (_, behavior, message) => {
    it.each(ways)(
      '%s fails before anything is sent, and the next message is sent',
      async (_way, stream, subject, send) => {
        await send();
        const before = (await (await jetstream.stream(stream)).info()).state.lastSequence;
        act = behavior;
        const error: unknown = await Promise.resolve()
          .then(send)
          .catch((thrown: unknown) => thrown);
        const cause = error instanceof InvalidArgumentError ? error : (error as Error).cause;
        expect(cause).toBeInstanceOf(InvalidArgumentError);
        expect(String(cause)).toMatch(message);
        expect((await (await jetstream.stream(stream)).info()).state.lastSequence).toBe(before);
        act = () => ({ Origin: 'again' });
        await send();
        expect((await last(stream, subject)).headers?.get('Origin')).toBe('again');
      },
    );
  });

  it('are not added to dead letters and replays, which keep the headers of the original', async () => {
    await requests.run('acme', () => jetstream.publish('orders.dying', 1));
    const deadLetters = application.app.get(DeadLetters);
    const [letter] = await eventually(
      () => listOf(deadLetters.list()),
      (letters) => letters.length === 1,
    );
    expect(letter?.headers?.get('Tenant')).toBe('acme');
    expect(calls).toEqual(['orders.dying']);
    await application.app.get(JetStreamService).deleteConsumer('ORDERS', 'dying');
    await deadLetters.replay(letter?.sequence ?? 0, { to: 'subject' });
    const replayed = await last('ORDERS', 'orders.dying');
    expect(replayed.headers?.get('Dead-Letter-Replay')).not.toBe('');
    expect(replayed.headers?.get('Tenant')).toBe('acme');
    expect(calls).toEqual(['orders.dying']);
  });

  it('are not added to claims, values and objects', async () => {
    await jetstream.publish('orders.once', 1);
    await eventually(
      () =>
        application.app
          .get(KeyValueService)
          .open('claims')
          .then((bucket) => listOf(bucket.keys())),
      (keys) => keys.length > 0,
    );
    await (await application.app.get(KeyValueService).open('values')).put('k', 1);
    await (await application.app.get(ObjectStoreService).open('files')).putBytes('o', new Uint8Array(1));
    for (const stream of ['KV_claims', 'KV_values', 'OBJ_files']) {
      const stored = await listOf((await jetstream.stream(stream)).getMessages({ startSequence: 1 }));
      expect(stored.length).toBeGreaterThan(0);
      for (const { headers: block } of stored) expect(block?.has('Origin') ?? false).toBe(false);
    }
    expect(calls).toEqual(['orders.once']);
  });

  it.each([7, 'Origin: x', { 'a b': 'x' }, { Origin: 7 }])('refuse a wrong option: %j', async (wrong) => {
    const started = startApplication(server.url, { options: { publish: { headers: wrong as never } } });
    await expect(started).rejects.toThrow(/publish\.headers/);
  });
});

describe('headers of a JetStreamClient', () => {
  const seen: unknown[] = [];
  @Controller()
  class Service {
    @MessagePattern('tenant')
    tenant(@Ctx() context: JetStreamRequestContext): unknown {
      return [context.headers?.get('Tenant'), context.headers?.get('Origin')];
    }
    @EventPattern('orders.event')
    event(@Ctx() context: JetStreamEventContext): void {
      seen.push([context.message.headers?.get('Tenant'), context.message.headers?.get('Origin')]);
    }
  }

  it('may be a function, for requests and for events', async () => {
    await using _ = await startMicroservice(server.url, { controllers: [Service] });
    const subjects: string[] = [];
    await using client = await connectClient(server.url, {
      headers: ({ subject }) => {
        subjects.push(subject);
        return { Tenant: requests.getStore() ?? 'none', Origin: 'client' };
      },
    });
    expect(await requests.run('acme', () => ask(client, 'tenant', 1))).toEqual(['acme', 'client']);
    await requests.run('other', () => firstValueFrom(client.emit('orders.event', 1)));
    await eventually(
      () => seen,
      (events) => events.length === 1,
    );
    expect(seen).toEqual([['other', 'client']]);
    expect(subjects).toEqual(['tenant', 'orders.event']);
  });

  it.each(bad())('a function that %s fails the call', async (_, behavior, message) => {
    await using _service = await startMicroservice(server.url, { controllers: [Service] });
    let wrong = true;
    await using client: JetStreamClient & AsyncDisposable = await connectClient(server.url, {
      headers: () => (wrong ? (behavior() as undefined) : { Tenant: 'x' }),
    });
    for (const call of [
      () => ask(client, 'tenant', 1),
      () => firstValueFrom(client.emit('orders.event', 1)),
    ]) {
      const error: unknown = await call().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect(String(error)).toMatch(message);
    }
    wrong = false;
    expect(await ask(client, 'tenant', 1)).toEqual(['x', '']);
  });

  function bad(): [string, () => unknown, RegExp][] {
    return [
      [
        'throws',
        () => {
          throw new Error('no tenant');
        },
        /headers: the function failed: no tenant/,
      ],
      ['returns a promise', () => Promise.resolve({}), /headers: the function returned a promise/],
      ['returns a text', () => 'Origin: x', /headers/],
      ['returns a line break', () => ({ Origin: 'a\r\nb' }), /headers/],
    ];
  }
});
