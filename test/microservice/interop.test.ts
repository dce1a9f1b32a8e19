import { Controller, type INestMicroservice } from '@nestjs/common';
import {
  ClientNats,
  Ctx,
  EventPattern,
  MessagePattern,
  NatsContext,
  NatsRecordBuilder,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { connect, createInbox, headers, type NatsConnection } from '@nats-io/transport-node';
import {
  JetStreamRecordBuilder,
  type EventExtras,
  type JetStreamClient,
} from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { concat, from, interval, of, take, throwError, type Observable } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import {
  ask,
  askAll,
  connectClient,
  emit,
  failure,
  startMicroservice,
  type TestMicroservice,
} from './microservice.js';

let seen: unknown[] = [];

@Controller()
class Shop {
  @MessagePattern('shop.price')
  price(@Payload() item: { readonly name: string }): object {
    return { name: item.name, price: 7 };
  }

  @MessagePattern({ cmd: 'total' })
  async total(@Payload() prices: number[]): Promise<number> {
    return prices.reduce((a, b) => a + b, 0);
  }

  @MessagePattern('shop.*.any')
  any(@Ctx() context: NatsContext): string {
    return `${context.getSubject()} ${String((context.getHeaders() as { get(name: string): string } | undefined)?.get('Trace-Id'))}`;
  }

  @MessagePattern('shop.count')
  count(@Payload() n: number): Observable<number> {
    return interval(2).pipe(take(n));
  }

  @MessagePattern('shop.at-once')
  atOnce(@Payload() n: number): Observable<number> {
    return from(Array.from({ length: n }, (_, i) => i));
  }

  @MessagePattern('shop.fails-later')
  failsLater(): Observable<number> {
    return concat(
      of(1),
      throwError(() => new RpcException({ code: 5, message: 'later' })),
    );
  }

  @MessagePattern('shop.refuse')
  refuse(): never {
    throw new RpcException({ code: 7, message: 'no' });
  }

  @MessagePattern('shop.break')
  break(): never {
    throw new Error('broken');
  }

  @MessagePattern('shop.void')
  nothing(): void {}

  @EventPattern('shop.opened', { mode: 'core' } satisfies EventExtras)
  opened(@Payload() data: unknown): void {
    seen.push(data);
  }
}

@Controller()
class DurableShop {
  @EventPattern('stored.opened')
  opened(@Payload() data: unknown): void {
    seen.push(data);
  }
}

/** The features that a caller and a service have to implement in the same way. */
function conversation(client: () => ClientNats | JetStreamClient) {
  it('strings, objects and wildcards as patterns', async () => {
    expect(await ask(client(), 'shop.price', { name: 'tea' })).toEqual({ name: 'tea', price: 7 });
    expect(await ask(client(), { cmd: 'total' }, [1, 2, 3])).toBe(6);
    expect(await ask(client(), 'shop.x.any', 1)).toBe('shop.x.any undefined');
  });

  it('headers', async () => {
    const trace = headers();
    trace.set('Trace-Id', '7');
    const record = new NatsRecordBuilder({}).setHeaders(trace).build();
    expect(await ask(client(), 'shop.x.any', record)).toBe('shop.x.any 7');
  });

  it('several answers, one, or none', async () => {
    expect(await askAll(client(), 'shop.count', 4)).toEqual([0, 1, 2, 3]);
    expect(await askAll(client(), 'shop.at-once', 300)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(await askAll(client(), 'shop.count', 0)).toEqual([]);
    expect(await askAll(client(), 'shop.void', 1)).toEqual([]);
  });

  it('errors', async () => {
    const content = (error: unknown) => (error instanceof RpcException ? error.getError() : error);
    expect(content(await failure(ask(client(), 'shop.refuse', 1)))).toEqual({ code: 7, message: 'no' });
    expect(content(await failure(ask(client(), 'shop.break', 1)))).toEqual({
      status: 'error',
      message: 'Internal server error',
    });
    expect(content(await failure(askAll(client(), 'shop.fails-later', 1)))).toEqual({
      code: 5,
      message: 'later',
    });
  });

  it('two hundred requests at a time', async () => {
    const totals = await Promise.all(
      Array.from({ length: 200 }, (_, i) => ask(client(), { cmd: 'total' }, [i, 1])),
    );
    expect(totals).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });
}

describe("with Nest's own Transport.NATS", () => {
  let nats: NatsTestServer;
  let raw: NatsConnection;

  beforeAll(async () => {
    nats = await NatsTestServer.start();
    raw = await connect({ servers: nats.url });
  });
  afterAll(async () => {
    await raw.close();
    await nats.stop();
  });
  beforeEach(() => {
    seen = [];
  });

  const saw = (count: number) =>
    eventually(
      () => seen,
      ({ length }) => length >= count,
    );

  describe('its client and JetStreamServer agree on', () => {
    let service: TestMicroservice;
    let client: ClientNats;

    beforeAll(async () => {
      service = await startMicroservice(nats.url, {
        controllers: [Shop, DurableShop],
        server: { streams: [{ name: 'STORED', subjects: ['stored.>'] }] },
      });
      client = new ClientNats({ servers: nats.url });
      await client.connect();
    });
    afterAll(async () => {
      await client.close();
      await service.app.close();
    });

    conversation(() => client);

    it('events, kept by a stream or not', async () => {
      await emit(client, 'shop.opened', { at: 9 }).catch(() => undefined);
      await emit(client, 'stored.opened', { at: 10 }).catch(() => undefined);
      await saw(2);
      expect(seen).toContainEqual({ at: 9 });
      expect(seen).toContainEqual({ at: 10 });
    });
  });

  describe('JetStreamClient and its server agree on', () => {
    let service: INestMicroservice;
    let client: JetStreamClient;

    beforeAll(async () => {
      const module = await Test.createTestingModule({ controllers: [Shop] })
        .setLogger(new LogRecorder())
        .compile();
      service = module.createNestMicroservice({ transport: Transport.NATS, options: { servers: nats.url } });
      await service.listen();
      client = await connectClient(nats.url);
    });
    afterAll(async () => {
      await client.close();
      await service.close();
    });

    conversation(() => client);

    it('events', async () => {
      await emit(client, 'shop.opened', new JetStreamRecordBuilder({ at: 9 }).setMode('core').build());
      await saw(1);
      expect(seen).toEqual([{ at: 9 }]);
    });
  });

  // The bytes that Nest 11.2 sends and expects: its `ClientNats` and `ServerNats`, on the client `nats` 2.
  describe('of Nest 11, byte for byte:', () => {
    it('a request is answered with the packets that its client expects', async () => {
      await using service = await startMicroservice(nats.url, { controllers: [Shop] });
      expect(service.app).toBeDefined();
      const answers = async (pattern: string, data: unknown, count: number): Promise<string[]> => {
        const inbox = createInbox();
        const subscription = raw.subscribe(inbox, { max: count });
        raw.publish(
          typeof pattern === 'string' ? pattern : '',
          JSON.stringify({ pattern, data, id: '4eb1c8' }),
          { reply: inbox },
        );
        const received: string[] = [];
        for await (const message of subscription) received.push(message.string());
        return received;
      };
      expect(await answers('shop.price', { name: 'tea' }, 1)).toEqual([
        '{"response":{"name":"tea","price":7},"isDisposed":true,"id":"4eb1c8"}',
      ]);
      expect(await answers('shop.at-once', 2, 2)).toEqual([
        '{"response":0,"id":"4eb1c8"}',
        '{"response":1,"isDisposed":true,"id":"4eb1c8"}',
      ]);
      expect(await answers('shop.void', 1, 1)).toEqual(['{"isDisposed":true,"id":"4eb1c8"}']);
      expect(await answers('shop.refuse', 1, 1)).toEqual([
        '{"err":{"code":7,"message":"no"},"isDisposed":true,"id":"4eb1c8"}',
      ]);
    });

    it('a request is sent in the format of its server, and its packets are read', async () => {
      await using client = await connectClient(nats.url);
      const requests: unknown[] = [];
      raw.subscribe('eleven', {
        callback: (_, message) => {
          const packet = message.json<{ readonly id: string; readonly data: unknown }>();
          requests.push(packet);
          const { id } = packet;
          if (packet.data === 'fail') {
            message.respond(JSON.stringify({ err: { status: 'error', message: 'no' }, id }));
            message.respond(JSON.stringify({ isDisposed: true, id }));
            return;
          }
          message.respond(JSON.stringify({ response: 1, id }));
          message.respond(JSON.stringify({ response: 2, id }));
          message.respond(JSON.stringify({ isDisposed: true, id }));
        },
      });
      raw.subscribe('unhandled', {
        callback: (_, message) =>
          void message.respond(
            JSON.stringify({
              id: message.json<{ readonly id: string }>().id,
              status: 'error',
              err: 'There is no matching message handler defined in the remote service.',
            }),
          ),
      });
      await raw.flush();
      expect(await askAll(client, 'eleven', { name: 'tea' })).toEqual([1, 2]);
      expect(requests).toEqual([
        { pattern: 'eleven', data: { name: 'tea' }, id: expect.any(String) as string },
      ]);
      expect((await failure(ask(client, 'eleven', 'fail'))).message).toBe('no');
      expect((await failure(ask(client, 'unhandled', 1))).message).toContain('no matching message handler');
    });
  });
});
