import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  JetStreamBatchContext,
  JetStreamContext,
  JsConsumer,
  JsHandler,
  NatsSubscribeContext,
  ObjectWatch,
  NatsSubscribe,
  type ObjectInfo,
} from 'nestjs-nats-jetstream';
import { z } from 'zod';

interface Order {
  readonly id: string;
  readonly total: number;
}

const log: string[] = [];

// #region class
@Injectable()
@JsConsumer({ stream: 'ORDERS', durable: 'audit' })
export class Audit {
  @JsHandler('orders.created')
  created(@Payload() order: Order): void {
    log.push(`created ${order.id}`);
  }

  @JsHandler('orders.*.cancelled')
  cancelled(@Payload() order: Order, @Ctx() { subject }: JetStreamContext): void {
    log.push(`${subject} ${order.id}`);
  }
}
// #endregion

@Injectable()
export class Projection {
  // #region ordered
  @JsConsumer({ stream: 'ORDERS', ordered: true, deliverPolicy: 'all' })
  project(@Payload() order: Order, @Ctx() { metadata }: JetStreamContext): void {
    log.push(`${metadata.streamSequence}: ${order.id}`);
  }
  // #endregion
}

const database = { insertAll: (_orders: readonly Order[]): Promise<void> => Promise.resolve() };

@Injectable()
export class Warehouse {
  // #region batch
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'warehouse',
    batch: { size: 100, maxWait: 500 },
    ackPolicy: 'all',
  })
  async store(@Payload() orders: Order[], @Ctx() { messages }: JetStreamBatchContext): Promise<void> {
    await database.insertAll(orders);
    log.push(`up to ${messages[messages.length - 1].metadata.streamSequence}`);
  }
  // #endregion
}

@Injectable()
export class Legacy {
  // #region push
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'legacy',
    push: { deliverSubject: 'deliver.legacy', deliverGroup: 'workers' },
  })
  onOrder(@Payload() order: Order): void {
    log.push(order.id);
  }
  // #endregion
}

// #region schema
const OrderSchema = z.object({
  id: z.string(),
  total: z.number().positive(),
  currency: z.string().default('EUR'),
});

@Injectable()
export class Invoicing {
  @JsConsumer({ stream: 'ORDERS', durable: 'invoicing', schema: OrderSchema, deadLetter: true })
  invoice(@Payload() order: z.output<typeof OrderSchema>): void {
    log.push(`${order.total} ${order.currency}`);
  }
}
// #endregion

@Injectable()
class ConfigService {
  get(key: string): string {
    return key;
  }
}

@Injectable()
export class Configured {
  // #region resolved
  @JsConsumer({
    inject: [ConfigService],
    useFactory: (config: ConfigService) => ({ stream: config.get('stream'), durable: config.get('durable') }),
  })
  fromConfiguration(@Payload() order: Order): void {
    log.push(order.id);
  }

  @JsConsumer('billing') // JetStreamModule.forRoot({ handlers: { consumers: { billing: { stream: 'ORDERS' } } } })
  byName(@Payload() order: Order): void {
    log.push(order.id);
  }
  // #endregion
}

@Injectable()
export class Others {
  // #region object-watch
  @ObjectWatch('configs')
  onConfig(@Payload() info: ObjectInfo): void {
    log.push(info.deleted ? `${info.name} is gone` : `${info.name}: ${info.size} bytes`);
  }
  // #endregion

  // #region subscribe
  @NatsSubscribe('prices.*', { queue: 'tickers' })
  onPrice(@Payload() price: number, @Ctx() context: NatsSubscribeContext): void {
    log.push(`${context.subject} ${price}`);
    context.respond('seen');
  }
  // #endregion
}
