/** An application that uses every feature that a document describes. */
import { Controller, type DynamicModule, Injectable, Module } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Type } from 'class-transformer';
import { IsEnum, IsInt, IsOptional, IsString, Max, Min, MinLength, ValidateNested } from 'class-validator';
import {
  defineMessage,
  JetStreamModule,
  JsConsumer,
  JsHandler,
  KvWatch,
  MessagePipe,
  NatsSubscribe,
  ObjectWatch,
  OnDeadLetter,
  OnJetStreamEvent,
  type ParamsOf,
  type PayloadOf,
  JsParams,
  PublishTo,
  textCodec,
} from 'nestjs-nats-jetstream';
import {
  type EventExtras,
  JETSTREAM_TRANSPORT,
  JetStreamServer,
  type RequestExtras,
} from 'nestjs-nats-jetstream/microservice';
import { z } from 'zod';
import { SecondModule } from './second.module.js';

const Address = z.object({ street: z.string(), city: z.string() }).meta({ id: 'Address' });

export const OrderPlaced = defineMessage({
  subject: 'orders.:id.placed',
  schema: z.object({
    customer: z.string().min(1),
    total: z.number().min(0),
    at: z.coerce.date<string | Date>(),
    billing: Address,
    shipping: Address.optional(),
  }),
  summary: 'A customer placed an order',
  description: 'Sent once for **each** order.',
  examples: [
    {
      customer: 'Sue',
      total: 9.5,
      at: new Date(0),
      billing: { street: '1 Main St', city: 'Springfield' },
    },
  ],
  headers: { 'X-Tenant': 'The tenant of the shop' },
  tags: ['orders'],
});

export const OrderCancelled = defineMessage({
  subject: 'orders.:id.cancelled',
  schema: z.object({ reason: z.string() }),
});

export const Category = z.object({
  name: z.string(),
  get children() {
    return z.array(Category);
  },
});
export const CatalogChanged = defineMessage({
  subject: 'catalog.>',
  schema: Category,
  name: 'CatalogChanged',
});

export const PriceChanged = defineMessage({ subject: 'prices.:article', schema: z.number(), core: true });

enum Currency {
  euro = 'EUR',
  dollar = 'USD',
}

export class Line {
  @IsString() @MinLength(2) readonly article: string = '';
  @IsInt() @Min(1) @Max(1_000) readonly quantity: number = 1;
}

export class Invoice {
  @IsString() readonly customer: string = '';
  @IsEnum(Currency) readonly currency: Currency = Currency.euro;
  @ValidateNested({ each: true }) @Type(() => Line) readonly lines: Line[] = [];
  @IsOptional() @IsString() readonly note?: string;
}

export const InvoiceSent = defineMessage({ subject: 'invoices.:order', schema: Invoice });

@Injectable()
export class Billing {
  @JsConsumer(OrderPlaced, {
    durable: 'billing',
    concurrency: 8,
    deadLetter: true,
    description: 'Bills orders',
    retry: { maxDeliver: 7, backoff: [100, 200] },
  })
  @PublishTo(InvoiceSent, (_invoice, { subject }) => ({ order: OrderPlaced.parse(subject).id }))
  onPlaced(
    @Payload() order: PayloadOf<typeof OrderPlaced>,
    @JsParams(OrderPlaced) _params: ParamsOf<typeof OrderPlaced>,
  ): Invoice {
    return { customer: order.customer, currency: Currency.euro, lines: [] };
  }
}

@Injectable()
export class Audit {
  @JsConsumer([OrderPlaced, OrderCancelled], { durable: 'audit' })
  record(@Payload() _payload: unknown): void {}
}

@Injectable()
@JsConsumer([OrderPlaced, OrderCancelled], { durable: 'statistics' })
export class Statistics {
  @JsHandler(OrderPlaced) placed(): void {}
  @JsHandler(OrderCancelled) cancelled(): void {}
}

@Injectable()
export class Handlers {
  @JsConsumer({ stream: 'ORDERS', ordered: true })
  replay(): void {}

  @JsConsumer({
    stream: 'ORDERS',
    durable: 'archive',
    batch: { size: 100, maxWait: 50 },
    filterSubjects: 'orders.*.placed',
  })
  archive(@Payload() _orders: unknown[]): void {}

  @JsConsumer({
    stream: 'ORDERS',
    durable: 'pushed',
    push: { deliverSubject: 'push.orders', deliverGroup: 'group' },
    filterSubjects: 'orders.*.*',
  })
  pushed(): void {}

  @JsConsumer({
    stream: 'LEGACY',
    durable: 'legacy',
    filterSubjects: ['legacy.*.a.>', 'legacy.b'],
    ackMode: 'none',
  })
  legacy(@Payload() _line: Line): void {}

  @JsConsumer({ stream: 'NOWHERE', durable: 'everything', codec: textCodec })
  @PublishTo((result: string) => `chosen.${result}`)
  everything(): string {
    return '';
  }

  @JsConsumer({
    stream: 'ORDERS',
    durable: 'limited',
    filterSubjects: 'special.7',
    orderBy: 1,
    rateLimit: { messages: 10, per: 1_000 },
    circuitBreaker: { failureRatio: 0.25 },
    idempotent: { bucket: 'handled', key: 'Order-Id', ttl: 60_000 },
    schema: z.object({ only: z.literal('this') }),
  })
  @PublishTo('copies.{1}')
  limited(): void {}

  @NatsSubscribe(PriceChanged, { queue: 'tickers' })
  onPrice(@Payload() _price: number): void {}

  @NatsSubscribe('notes.*')
  onNote(@Payload() _note: string): void {}

  @KvWatch('settings', { keys: ['shop.*', 'limits'] })
  onSetting(): void {}

  @ObjectWatch('files', { ignoreDeletes: true })
  onFile(): void {}

  @OnDeadLetter({ stream: 'ORDERS' })
  onDeadLetter(): void {}

  @OnJetStreamEvent('disconnected')
  onEvent(): void {}
}

@Controller()
export class Warehouse {
  @EventPattern(OrderPlaced.pattern, { concurrency: 4 } satisfies EventExtras)
  onPlaced(@Payload(new MessagePipe(OrderPlaced)) _order: PayloadOf<typeof OrderPlaced>): void {}

  @EventPattern('stock.changed', { mode: 'core', broadcast: true } satisfies EventExtras)
  onStock(@Payload() _stock: unknown): void {}

  @MessagePattern('stock.count')
  count(@Payload() _line: Line): number {
    return 0;
  }

  @MessagePattern('stock.reserve', JETSTREAM_TRANSPORT, {
    mode: 'jetstream',
    stream: 'RESERVATIONS',
  } satisfies RequestExtras)
  reserve(@Payload() _line: Line): Line {
    return new Line();
  }

  @MessagePattern({ cmd: 'sum' })
  sum(@Payload() _numbers: number[]): void {}
}

@Injectable()
export class Elsewhere {
  @JsConsumer({
    connection: 'other',
    stream: 'ORDERS',
    durable: 'elsewhere',
    filterSubjects: 'orders.*.placed',
  })
  onPlaced(): void {}
}

@Module({
  imports: [
    JetStreamModule.forFeature({
      streams: [
        { name: 'ORDERS', subjects: ['orders.*.placed', 'orders.*.cancelled', 'special.*'], maxAge: 60_000 },
        { name: 'INVOICES', subjects: ['invoices.*'] },
        { name: 'CATALOG', subjects: ['catalog.>'] },
      ],
      keyValues: [{ bucket: 'settings', history: 5, ttl: 1_000 }, { bucket: 'untouched' }],
      objectStores: [{ bucket: 'files' }],
      messages: [OrderPlaced, OrderCancelled, CatalogChanged, PriceChanged],
    }),
    JetStreamModule.forFeature({
      connection: 'other',
      streams: [{ name: 'ORDERS', subjects: ['orders.>'] }],
      messages: [OrderPlaced],
    }),
    SecondModule,
  ],
  controllers: [Warehouse],
  providers: [Billing, Audit, Statistics, Handlers, Elsewhere],
})
export class ShopModule {
  static on(servers: string | undefined, connect = servers !== undefined): DynamicModule {
    const connection = {
      servers: servers ?? 'nats://user:s3cret@localhost:4222',
      user: 'user',
      pass: 's3cret',
    };
    return {
      module: ShopModule,
      imports: [
        JetStreamModule.forRoot(connect ? { connection: { servers } } : { connect: false, connection }),
        JetStreamModule.forRoot({
          name: 'other',
          connect,
          connection: connect
            ? { servers }
            : { servers: ['nats://token@one.example.com', 'tls://two.example.com:5222'], token: 't0ken' },
        }),
      ],
    };
  }
}

export const createServer = (): JetStreamServer =>
  new JetStreamServer({
    name: 'warehouse',
    connection: { servers: 'nats://me:pwd@warehouse.example.com', user: 'me', pass: 'pwd' },
    streams: [{ name: 'STORED', subjects: ['orders.*.placed'] }],
  });
