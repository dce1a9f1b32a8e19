import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  HandlerConfigurationError,
  Handlers,
  JetStreamModule,
  JetStreamService,
} from 'nestjs-nats-jetstream';
import {
  type EventExtras,
  JetStreamClient,
  JetStreamServer,
  type JetStreamServerOptions,
  type RequestExtras,
} from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { firstValueFrom } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

let handled: string[] = [];

@Controller()
class Orders {
  @EventPattern('orders.created')
  created(@Payload() data: string): void {
    handled.push(`created ${data}`);
  }
  @EventPattern('orders.paid', { enabled: false } satisfies EventExtras)
  paid(@Payload() data: string): void {
    handled.push(`paid ${data}`);
  }
  @MessagePattern('orders.price', { mode: 'jetstream', enabled: false } satisfies RequestExtras)
  price(): number {
    return 7;
  }
  @MessagePattern('orders.core', { enabled: false } satisfies RequestExtras)
  core(): number {
    return 8;
  }
  @EventPattern('orders.note', { mode: 'core', enabled: false } satisfies EventExtras)
  note(@Payload() _data: unknown): void {
    handled.push('note');
  }
  @MessagePattern('served', { enabled: true } satisfies RequestExtras)
  served(): number {
    return 9;
  }
}

const CREATED = "@EventPattern('orders.created')";
const PAID = "@EventPattern('orders.paid')";
const PRICE = "@MessagePattern('orders.price')";

describe('patterns that are not started with the server', () => {
  let nats: NatsTestServer;
  beforeEach(async () => {
    handled = [];
    nats = await NatsTestServer.start();
  });
  afterEach(() => nats.stop());

  async function start(options: Partial<JetStreamServerOptions> = {}, controller: unknown = Orders) {
    const module = await Test.createTestingModule({
      imports: [JetStreamModule.forRoot({ connection: { servers: nats.url } })],
      controllers: [controller as typeof Orders],
    })
      .setLogger(new LogRecorder())
      .compile();
    const strategy = new JetStreamServer({
      name: 'orders',
      connection: module.get(JetStreamService),
      streams: [
        { name: 'ORDERS', subjects: ['orders.created', 'orders.paid', 'orders.price'], storage: 'memory' },
      ],
      ...options,
    });
    const app = module.createNestApplication();
    app.connectMicroservice({ strategy });
    await app.startAllMicroservices();
    await app.init();
    const client = new JetStreamClient({ connection: { servers: nats.url }, timeout: 2_000 });
    await client.connect();
    return {
      app,
      client,
      handlers: app.get(Handlers),
      consumers: async () => {
        const names: string[] = [];
        for await (const name of app.get(JetStreamService).consumerNames('ORDERS')) names.push(name);
        return names.toSorted();
      },
      [Symbol.asyncDispose]: async () => {
        await client.close();
        await app.close();
      },
    };
  }

  it('enabled: false creates nothing, and Handlers.start starts the pattern', async () => {
    await using started = await start();
    const { handlers, client, consumers } = started;
    const state = () =>
      handlers.list().map(({ handler, notStarted, status }) => [handler, notStarted ?? status]);
    expect(state()).toEqual([
      [CREATED, 'running'],
      [PAID, 'enabled'],
      [PRICE, 'enabled'],
    ]);
    expect(await consumers()).toEqual(['orders_orders-created']);
    await firstValueFrom(client.emit('orders.paid', 'a'));
    await expect(firstValueFrom(client.send('orders.core', {}))).rejects.toThrow();
    expect(await firstValueFrom(client.send<number>('served', {}))).toBe(9);
    await handlers.start(PAID);
    await eventually(
      () => handled,
      (all) => all.includes('paid a'),
    );
    await handlers.start();
    expect(state().find(([name]) => name === PRICE)).toEqual([PRICE, 'enabled']);
  });

  it('autoStart: false holds back the patterns of streams only', async () => {
    await using started = await start({ autoStart: false });
    const { handlers, client, consumers } = started;
    expect(handlers.list().map(({ handler, notStarted }) => [handler, notStarted])).toEqual([
      [CREATED, 'autoStart'],
      [PAID, 'enabled'],
      [PRICE, 'enabled'],
    ]);
    expect(await consumers()).toEqual([]);
    expect(await firstValueFrom(client.send<number>('served', {}))).toBe(9);
    await firstValueFrom(client.emit('orders.created', 'b'));
    await handlers.start();
    await eventually(
      () => handled,
      (all) => all.includes('created b'),
    );
    expect(handlers.get(PAID).notStarted).toBe('enabled');
    await handlers.stop(CREATED);
    expect(handlers.get(CREATED)).toMatchObject({ status: 'stopped' });
    expect(handlers.get(CREATED)).not.toHaveProperty('notStarted');
  });

  it('patterns that share a consumer are refused if only one of them is enabled', async () => {
    await expect(start({ events: { consumer: 'service' } })).rejects.toThrow(
      /orders\.paid.*shares the durable "orders".*only one of them is enabled/s,
    );
  });

  it('wrong values of autoStart and enabled are refused', async () => {
    expect(() => new JetStreamServer({ name: 'a', autoStart: 1 as unknown as boolean })).toThrow(/autoStart/);
    @Controller()
    class Wrong {
      @EventPattern('orders.created', { enabled: 'no' })
      created(@Payload() _data: unknown): void {}
    }
    await expect(start({}, Wrong)).rejects.toThrow(HandlerConfigurationError);
  });
});
