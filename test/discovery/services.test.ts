import { Controller, Injectable } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  Handlers,
  JetStreamBatchContext,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  JsHandler,
  KeyValueService,
  KvWatch,
  NatsSubscribe,
  ObjectWatch,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import { JetStreamClient, JetStreamServer, type RequestExtras } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { ServicesClient } from './services-client.js';

const stream = { name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' } as const;

@Injectable()
class Billing {
  @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: 'orders.placed' })
  onPlaced(@Payload() order: { readonly fails?: boolean }): void {
    if (order.fails === true) throw new TerminateMessage('card 4242');
  }
}

/** Several filter subjects need nats-server 2.10. */
@Injectable()
class Several {
  @JsConsumer({ stream: 'ORDERS', durable: 'ends', filterSubjects: ['orders.paid', 'orders.*.canceled'] })
  onEnd(): void {}
}

@Injectable()
class Single {
  @JsConsumer({ stream: 'ORDERS', durable: 'ends', filterSubjects: 'orders.paid' })
  onEnd(): void {}
}

@JsConsumer({ stream: 'ORDERS', durable: 'routed', filterSubjects: 'orders.routed.*' })
@Injectable()
class Routed {
  @JsHandler('orders.routed.a')
  a(): void {}

  @JsHandler('orders.routed.b')
  b(): void {}
}

@Injectable()
class Others {
  @JsConsumer({ stream: 'ORDERS', ordered: true })
  ordered(): void {}

  @JsConsumer({ stream: 'ORDERS', durable: 'batch', filterSubjects: 'orders.batch', batch: { size: 10 } })
  batch(@Ctx() _: JetStreamBatchContext): void {}

  @KvWatch('settings', { keys: 'shop.*' })
  setting(): void {}

  @ObjectWatch('files')
  file(): void {}

  @NatsSubscribe('prices.*', { queue: 'prices' })
  price(): void {}
}

describe.each(['2.15', '2.10', '2.9'])('a service on nats-server %s', (version) => {
  let server: NatsTestServer;
  let client: ServicesClient;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
    client = await ServicesClient.connect(server.url);
  });
  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await server.stop();
  });

  const several = version !== '2.9';
  const ending = several ? 'Several-onEnd' : 'Single-onEnd';

  it('shows its handlers of all forms to the official services client, with their figures', async () => {
    await using application = await startApplication(server.url, {
      feature: {
        streams: [stream],
        keyValues: [{ bucket: 'settings', storage: 'memory' }],
        objectStores: [{ bucket: 'files', storage: 'memory' }],
      },
      options: {
        discovery: {
          name: 'shop',
          version: '1.4.0-rc.1',
          description: 'Sells things',
          metadata: { region: 'eu' },
        },
      },
      providers: [Billing, several ? Several : Single, Routed, Others],
    });
    const [pinged, ...morePinged] = await client.ask('ping');
    expect(morePinged).toEqual([]);
    const { id } = pinged as { readonly id: string };
    const common = { name: 'shop', id, version: '1.4.0-rc.1', metadata: { region: 'eu' } };
    expect(pinged).toMatchObject(common);
    for (const verb of ['ping', 'info', 'stats'] as const) {
      expect(await client.ask(verb, 'shop')).toMatchObject([common]);
      expect(await client.ask(verb, 'shop', id)).toMatchObject([common]);
    }

    const [info] = await client.ask('info', 'shop');
    expect(info?.description).toBe('Sells things');
    expect(
      info?.endpoints
        .map(({ name, subject, queue_group }) => `${name} ${subject} (${queue_group})`)
        .toSorted(),
    ).toEqual([
      'Billing-onPlaced orders.placed (billing)',
      'Others-batch orders.batch (batch)',
      'Others-file $O.files.M.> ()',
      'Others-ordered > ()',
      'Others-price prices.* (prices)',
      'Others-setting $KV.settings.shop.* ()',
      'Routed-a orders.routed.a (routed)',
      'Routed-b orders.routed.b (routed)',
      ...(several ? [`${ending} orders.*.canceled (ends)`] : []),
      `${ending} orders.paid (ends)`,
    ]);
    expect(info?.endpoints.find(({ name }) => name === 'Billing-onPlaced')?.metadata).toEqual({
      handler: 'Billing.onPlaced',
      form: 'consumer',
      connection: 'default',
      source: 'ORDERS',
      consumer: 'billing',
    });

    const { app } = application;
    const jetstream = app.get(JetStreamService);
    await jetstream.publish('orders.placed', {});
    await jetstream.publish('orders.placed', {});
    await jetstream.publish('orders.placed', { fails: true });
    await jetstream.publish('orders.paid', {});
    await jetstream.publish('orders.7.canceled', {});
    await jetstream.publish('orders.routed.a', {});
    await jetstream.publish('orders.routed.c', {});
    await (await app.get(KeyValueService).open('settings')).put('shop.name', 'Shop');
    const [placed] = await eventually(
      () => client.stats('shop', 'Billing-onPlaced'),
      ([each]) => each?.num_requests === 3,
    );
    expect(placed).toMatchObject({
      num_errors: 1,
      last_error: 'Billing.onPlaced: TerminateMessage',
      data: {
        handler: 'Billing.onPlaced',
        status: 'running',
        connected: true,
        inFlight: 0,
        buffered: 0,
        lag: 0,
        circuitOpen: false,
        outcomes: { acked: 2, terminated: 1 },
      },
    });
    expect(placed?.processing_time).toBeGreaterThan(0);
    expect(placed?.average_processing_time).toBe(Math.floor((placed?.processing_time ?? 0) / 3));
    const requestsOf = async (name: string): Promise<Record<string, number>> =>
      Object.fromEntries((await client.stats('shop', name)).map((each) => [each.subject, each.num_requests]));
    expect(
      await eventually(
        () => requestsOf(ending),
        (counts) => Object.values(counts).every((count) => count === 1),
      ),
    ).toEqual({ 'orders.paid': 1, ...(several ? { 'orders.*.canceled': 1 } : {}) });
    expect(
      await eventually(
        () => requestsOf('Others-setting'),
        (counts) => Object.values(counts).includes(1),
      ),
    ).toEqual({ '$KV.settings.shop.*': 1 });
    expect(
      await eventually(
        () => requestsOf('Routed-a'),
        (counts) => Object.values(counts).includes(1),
      ),
    ).toEqual({ 'orders.routed.a': 1 });
    expect(await requestsOf('Routed-b')).toEqual({ 'orders.routed.b': 0 });

    // The class itself receives the messages that none of its methods matches.
    const rest = await eventually(
      () => client.stats('shop', 'Routed'),
      ({ length }) => length === 1,
    );
    expect(rest).toMatchObject([
      { num_requests: 1, last_error: 'Routed: TerminateMessage', data: { outcomes: { terminated: 1 } } },
    ]);

    await app.get(Handlers).pause('Billing.onPlaced');
    expect(await client.stats('shop', 'Billing-onPlaced')).toMatchObject([{ data: { status: 'paused' } }]);
    await app.get(JetStreamService).deleteStream('ORDERS');
  });

  it('shows the patterns of microservices', async () => {
    @Controller()
    class Work {
      @EventPattern('work.*.done')
      event(@Payload() _: unknown): void {}

      @MessagePattern('work.stored', { mode: 'jetstream' } satisfies RequestExtras)
      stored(@Payload() _: unknown): void {}

      @MessagePattern('ask.double')
      double(@Payload() value: number): number {
        return value * 2;
      }
    }
    const module = await Test.createTestingModule({
      imports: [
        JetStreamModule.forRoot({
          connection: { servers: server.url },
          discovery: { name: 'worker', version: '1.0.0' },
        }),
      ],
      controllers: [Work],
    })
      .setLogger(new LogRecorder())
      .compile();
    const app = module.createNestApplication();
    const jetstream = app.get(JetStreamService);
    app.connectMicroservice({
      strategy: new JetStreamServer({
        name: 'worker',
        streams: [{ name: 'WORK', subjects: ['work.>'], storage: 'memory' }],
        connection: jetstream,
      }),
    });
    await app.startAllMicroservices();
    await app.init();
    const asking = new JetStreamClient({ connection: jetstream });
    expect(await firstValueFrom(asking.send('ask.double', 4))).toBe(8);
    await expect(firstValueFrom(asking.send('ask.double', 5))).resolves.toBe(10);
    const [info] = await client.ask('info', 'worker');
    expect(
      info?.endpoints
        .map(({ name, subject, queue_group }) => `${name} ${subject} (${queue_group})`)
        .toSorted(),
    ).toEqual([
      'EventPattern-work-any-done work.*.done (worker_work-any-done)',
      'MessagePattern-work-stored work.stored (worker_work-stored)',
      'worker-ask-double ask.double (worker)',
    ]);
    expect(await client.stats('worker', 'worker-ask-double')).toMatchObject([
      { num_requests: 2, num_errors: 0, data: { form: 'request', outcomes: { answered: 2 } } },
    ]);
    expect(await client.stats('worker', 'EventPattern-work-any-done')).toMatchObject([
      { data: { status: 'running', consumer: 'worker_work-any-done' } },
    ]);
    await asking.close();
    await jetstream.deleteStream('WORK');
    await app.close();
    expect(await client.ask('ping', 'worker')).toEqual([]);
  });
});
