import { Controller, INestMicroservice } from '@nestjs/common';
import {
  ClientProxy,
  ClientProxyFactory,
  CustomStrategy,
  EventPattern,
  MessagePattern,
  NatsOptions,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  EventExtras,
  JetStreamClient,
  JetStreamRecordBuilder,
  JetStreamServer,
} from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { firstValueFrom, from, Observable, ReplaySubject, take, toArray } from 'rxjs';

/** The events that arrived. */
let events: ReplaySubject<unknown>;

@Controller()
class Shop {
  @MessagePattern('shop.price')
  price(@Payload() item: { readonly name: string }): object {
    return { name: item.name, price: 7 };
  }

  @MessagePattern({ cmd: 'count' })
  count(@Payload() n: number): Observable<number> {
    return from(Array.from({ length: n }, (_, i) => i));
  }

  @MessagePattern('shop.refuse')
  refuse(): never {
    throw new RpcException({ code: 7, message: 'no' });
  }

  @EventPattern('shop.opened', { mode: 'core' } satisfies EventExtras)
  onOpened(@Payload() data: unknown): void {
    events.next(data);
  }
}

@Controller()
class Archive {
  @EventPattern('archive.stored')
  onStored(@Payload() data: unknown): void {
    events.next(data);
  }
}

describe("with Nest 11's own Transport.NATS", () => {
  let server: NatsTestServer;
  let service: INestMicroservice;
  let client: ClientProxy;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    events = new ReplaySubject();
  });
  afterEach(async () => {
    await client.close();
    await service.close();
  });

  const nats = (): NatsOptions => ({ transport: Transport.NATS, options: { servers: server.url } });

  const start = async (options: CustomStrategy | NatsOptions, caller: ClientProxy): Promise<void> => {
    const module = await Test.createTestingModule({
      controllers: 'strategy' in options ? [Shop, Archive] : [Shop],
    }).compile();
    service = module.createNestMicroservice(options);
    await service.listen();
    // The server of Nest 11 does not wait until its subscriptions are active.
    await service.unwrap<{ flush(): Promise<void> }>().flush();
    client = caller;
    await client.connect();
  };

  const converse = async (): Promise<void> => {
    const price = client.send('shop.price', { name: 'tea' });
    expect(await firstValueFrom(price)).toEqual({ name: 'tea', price: 7 });
    expect(await firstValueFrom(client.send({ cmd: 'count' }, 4).pipe(toArray()))).toEqual([0, 1, 2, 3]);
    const error: unknown = await firstValueFrom(client.send('shop.refuse', 1)).catch(
      (thrown: unknown) => thrown,
    );
    expect(error instanceof RpcException ? error.getError() : error).toEqual({ code: 7, message: 'no' });
    const prices = await Promise.all(
      Array.from({ length: 200 }, (_, i) => firstValueFrom(client.send('shop.price', { name: i }))),
    );
    expect(prices).toEqual(Array.from({ length: 200 }, (_, name) => ({ name, price: 7 })));
  };

  it('its client calls a JetStreamServer', async () => {
    const streams = [{ name: 'ARCHIVE', subjects: ['archive.*'] }];
    const strategy = new JetStreamServer({ name: 'shop', connection: { servers: server.url }, streams });
    await start({ strategy }, ClientProxyFactory.create(nats()));
    await converse();
    client.emit('shop.opened', { at: 9 });
    client.emit('archive.stored', { at: 10 });
    const [first, second] = await firstValueFrom(events.pipe(take(2), toArray()));
    expect([first, second]).toEqual(expect.arrayContaining([{ at: 9 }, { at: 10 }]));
  });

  it('JetStreamClient calls its server', async () => {
    await start(nats(), new JetStreamClient({ connection: { servers: server.url } }));
    await converse();
    client.emit('shop.opened', new JetStreamRecordBuilder({ at: 11 }).setMode('core').build());
    expect(await firstValueFrom(events)).toEqual({ at: 11 });
  });
});
