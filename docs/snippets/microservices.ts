import { Readable } from 'node:stream';
import {
  Controller,
  Inject,
  Injectable,
  Logger,
  Module,
  UseFilters,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientsModule,
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RpcException,
  type AsyncMicroserviceOptions,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { DeadLetters, JetStreamEvents, JetStreamService, type PubAck } from 'nestjs-nats-jetstream';
import {
  JETSTREAM_TRANSPORT,
  JetStreamClient,
  JetStreamEventContext,
  JetStreamExceptionFilter,
  JetStreamRecordBuilder,
  JetStreamRequestContext,
  JetStreamServer,
  type EventExtras,
  type RequestExtras,
} from 'nestjs-nats-jetstream/microservice';
import { firstValueFrom, interval, map, take, type Observable } from 'rxjs';

interface Order {
  readonly id: string;
  readonly article: string;
  readonly quantity: number;
}

const logger = new Logger('Billing');
const shipping = { book: async (_order: Order): Promise<void> => {} };
const changes = { apply: (_change: unknown): void => {} };

// #region controller
@Controller()
export class OrdersController {
  @EventPattern('orders.placed', { concurrency: 32 } satisfies EventExtras)
  async onPlaced(@Payload() order: Order): Promise<void> {
    await shipping.book(order);
  }

  @MessagePattern('prices.quote')
  quote(@Payload() { quantity }: Order): number {
    return 4 * quantity;
  }
}
// #endregion

@Module({ controllers: [OrdersController] })
class AppModule {}

export async function serve(): Promise<void> {
  // #region server
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
    strategy: new JetStreamServer({
      name: 'billing',
      connection: { servers: 'nats://localhost:4222' },
      streams: [{ name: 'ORDERS', subjects: ['orders.>'] }],
    }),
  });
  app.enableShutdownHooks();
  await app.listen();
  // #endregion
}

@Controller()
export class Extras {
  // #region extras
  @EventPattern('orders.*.cancelled', {
    stream: 'ORDERS',
    durable: 'refunds',
    concurrency: 8,
    retry: { maxDeliver: 10, backoff: [1_000, 10_000, 60_000] },
  } satisfies EventExtras)
  onCancelled(@Payload() order: Order): void {
    this.refund(order);
  }

  @EventPattern('prices.changed', { broadcast: true } satisfies EventExtras)
  onPriceInEveryInstance(@Payload() article: string): void {
    this.cache.delete(article);
  }

  @EventPattern('orders.>', { ordered: true, deliverPolicy: 'all' } satisfies EventExtras)
  onEveryOrderFromTheFirst(@Payload() order: Order): void {
    this.cache.set(order.id, order);
  }

  @EventPattern('ticks', { mode: 'core' } satisfies EventExtras)
  onTick(@Payload() tick: number): void {
    this.tick = tick;
  }
  // #endregion

  tick = 0;
  private readonly cache = new Map<string, Order>();
  private readonly refund = (_order: Order): void => {};
}

export function oneConsumer(): JetStreamServer {
  // #region one-consumer
  return new JetStreamServer({
    name: 'billing',
    events: { stream: 'ORDERS', consumer: 'service', concurrency: 16 },
  });
  // #endregion
}

class ChangeOrder {
  readonly id: string = '';
}

// #region exception-filter
@Controller()
@UseFilters(JetStreamExceptionFilter)
export class ValidatedOrders {
  @UsePipes(new ValidationPipe())
  @EventPattern('orders.changed')
  onChanged(@Payload() change: ChangeOrder): void {
    changes.apply(change);
  }
}
// #endregion

@Controller()
export class Contexts {
  // #region context
  @EventPattern<unknown>('orders.delivered')
  onDelivered(@Payload() order: Order, @Ctx() context: JetStreamEventContext): void {
    const { streamSequence, deliveryCount } = context.metadata;
    this.log(order.id, context.getSubject(), context.headers?.get('Trace-Id'), streamSequence, deliveryCount);
  }
  // #endregion

  private readonly log = (..._values: unknown[]): void => {};
}

function createReadable(_report: string, _options: { readonly signal: AbortSignal }): AsyncIterable<string> {
  return Readable.from(['first', 'second']);
}

@Controller()
export class Requests {
  // #region answers
  @MessagePattern('reports.lines')
  async *lines(
    @Payload() report: string,
    @Ctx() { signal }: JetStreamRequestContext,
  ): AsyncGenerator<string> {
    for await (const line of this.read(report, { signal })) yield line.trim();
  }

  @MessagePattern('reports.progress')
  progress(): Observable<number> {
    return interval(1_000).pipe(
      take(10),
      map((tenth) => tenth * 10),
    );
  }

  @MessagePattern('reports.find')
  find(@Payload() id: string): never {
    throw new RpcException({ status: 404, message: `no report ${id}` });
  }
  // #endregion

  // #region bounded-request
  @MessagePattern('reports.render', { concurrency: 4, maxPending: 100 } satisfies RequestExtras)
  async render(@Payload() report: string): Promise<string> {
    return this.press.print(report);
  }
  // #endregion

  // #region durable-request
  @MessagePattern('payments.charge', {
    mode: 'jetstream',
    retry: { maxDeliver: 5 },
  } satisfies RequestExtras)
  async charge(@Payload() order: Order): Promise<string> {
    return this.bank.charge(order.id, order.quantity);
  }
  // #endregion

  private readonly read = createReadable;
  private readonly press = { print: async (report: string): Promise<string> => report };
  private readonly bank = { charge: async (id: string, _amount: number): Promise<string> => id };
}

// #region client-module
@Module({
  imports: [
    ClientsModule.register([
      {
        name: 'SHOP',
        customClass: JetStreamClient,
        options: { connection: { servers: 'nats://localhost:4222' }, timeout: 5_000 },
      },
    ]),
  ],
})
export class GatewayModule {}
// #endregion

@Injectable()
export class Gateway {
  constructor(@Inject('SHOP') private readonly shop: JetStreamClient) {}

  async place(order: Order): Promise<PubAck> {
    // #region emit
    const record = new JetStreamRecordBuilder(order)
      .setMessageId(order.id)
      .setHeaders({ 'Trace-Id': '42' })
      .setExpectations({ stream: 'ORDERS' })
      .build();
    return firstValueFrom(this.shop.emit<PubAck>('orders.placed', record));
    // #endregion
  }

  async ask(order: Order): Promise<number> {
    // #region send
    const price = await firstValueFrom(this.shop.send<number>('prices.quote', order));

    const durable = new JetStreamRecordBuilder(order).setMode('jetstream').setTimeout(60_000).build();
    const receipt = await firstValueFrom(this.shop.send<string>('payments.charge', durable));
    // #endregion
    return price + receipt.length;
  }
}

export async function hybrid(app: INestApplication): Promise<void> {
  // #region hybrid
  app.connectMicroservice<MicroserviceOptions>(
    {
      // The connection of the application's JetStreamModule, which stays open until the application closes it.
      strategy: new JetStreamServer({
        name: 'billing',
        connection: app.get(JetStreamService),
        deadLetters: app.get(DeadLetters),
      }),
    },
    { inheritAppConfig: true },
  );
  await app.startAllMicroservices();
  // #endregion
}

export async function wired(): Promise<void> {
  // #region wired
  const app = await NestFactory.createMicroservice<AsyncMicroserviceOptions>(AppModule, {
    inject: [JetStreamService, DeadLetters, JetStreamEvents],
    useFactory: (
      connection: JetStreamService,
      deadLetters: DeadLetters,
      jetStreamEvents: JetStreamEvents,
    ) => ({
      strategy: new JetStreamServer({ name: 'billing', connection, deadLetters, jetStreamEvents }),
    }),
  });
  // #endregion
  await app.listen();
}

export function observed(app: INestApplication): JetStreamServer {
  // #region observed
  const server = new JetStreamServer({
    name: 'billing',
    connection: app.get(JetStreamService),
    jetStreamEvents: app.get(JetStreamEvents),
  });
  server.status.subscribe((status) => logger.log(status));
  server.on('consumer-lost', ({ handler, error }) => logger.error(`${handler}: ${error.message}`));
  server.on('consumer-recovered', ({ handler }) => logger.log(`${handler} goes on`));
  // #endregion
  return server;
}

export const sharedClient = ClientsModule.registerAsync([
  // #region shared-client
  {
    name: 'SHOP',
    inject: [JetStreamService],
    useFactory: (connection: JetStreamService) => ({ customClass: JetStreamClient, options: { connection } }),
  },
  // #endregion
]);

@Controller()
export class Transports {
  // #region transports
  @EventPattern('orders.placed', JETSTREAM_TRANSPORT)
  onlyOnJetStream(@Payload() order: Order): void {
    this.seen.push(order);
  }
  // #endregion

  private readonly seen: Order[] = [];
}
