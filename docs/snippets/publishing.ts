import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Injectable, Logger, Module } from '@nestjs/common';
import {
  createCodecSelector,
  IngestInterruptedError,
  JetStreamModule,
  JetStreamService,
  jsonCodec,
  PublishTimeoutError,
  textCodec,
  WrongLastSequenceError,
  type Codec,
  type IngestMessage,
  type JetStreamMessage,
  type PubAck,
} from 'nestjs-nats-jetstream';
import { msgpackCodec } from 'nestjs-nats-jetstream/msgpack';

interface Order {
  readonly id: string;
  readonly customer: string;
  readonly total: number;
}

// #region publish
@Injectable()
export class Shop {
  constructor(private readonly jetstream: JetStreamService) {}

  async place(order: Order): Promise<number> {
    const { stream, sequence } = await this.jetstream.publish('orders.placed', order);
    Logger.log(`order ${order.id} is number ${sequence} in ${stream}`);
    return sequence;
  }
}
// #endregion

@Injectable()
export class Examples {
  private readonly logger = new Logger(Examples.name);

  constructor(private readonly jetstream: JetStreamService) {}

  async options(order: Order): Promise<PubAck> {
    // #region options
    return this.jetstream.publish('orders.placed', order, {
      messageId: order.id,
      headers: { Tenant: 'acme' },
      ttl: 24 * 3_600_000,
      timeout: 2_000,
      retry: { attempts: 5, wait: 500 },
    });
    // #endregion
  }

  // #region expect
  async cancel(id: string, lastSequence: number): Promise<boolean> {
    try {
      await this.jetstream.publish(
        `orders.${id}`,
        { cancelled: true },
        { expect: { lastSubjectSequence: lastSequence } },
      );
      return true;
    } catch (error) {
      if (error instanceof WrongLastSequenceError) return false;
      throw error;
    }
  }
  // #endregion

  // #region repeat
  async pay(order: Order): Promise<PubAck> {
    try {
      return await this.jetstream.publish('orders.paid', order, { messageId: `paid-${order.id}` });
    } catch (error) {
      if (!(error instanceof PublishTimeoutError)) throw error;
      // Stored or not: with the same id, once more does no harm.
      return this.jetstream.publish('orders.paid', order, { messageId: `paid-${order.id}` });
    }
  }
  // #endregion

  // #region async
  async import(orders: Iterable<Order>): Promise<void> {
    for (const order of orders) {
      await this.jetstream.publishAsyncReady();
      this.jetstream.publishAsync('orders.imported', order, { idempotent: true });
    }
    await this.jetstream.publishAsyncComplete();
  }
  // #endregion

  // #region acks
  async importAll(orders: readonly Order[]): Promise<void> {
    const futures = [];
    for (const order of orders) {
      await this.jetstream.publishAsyncReady();
      futures.push(this.jetstream.publishAsync('orders.imported', order));
    }
    for (const { message, ack } of futures) {
      await ack.catch((error: unknown) => this.logger.error(`${message.subject}: ${String(error)}`));
    }
  }
  // #endregion

  // #region batch
  async move(from: string, to: string, amount: number): Promise<void> {
    await this.jetstream.publishBatch([
      { subject: `accounts.${from}`, data: { amount: -amount } },
      { subject: `accounts.${to}`, data: { amount } },
    ]);
  }
  // #endregion

  // #region ingest
  async load(file: string): Promise<void> {
    const lines = createInterface({ input: createReadStream(file) });
    try {
      const { count } = await this.jetstream.ingest(this.readings(lines));
      this.logger.log(`${count} readings loaded`);
    } catch (error) {
      if (!(error instanceof IngestInterruptedError)) throw error;
      this.logger.error(`the first ${error.stored} are loaded: ${error.message}`);
    }
  }

  private async *readings(lines: AsyncIterable<string>): AsyncGenerator<IngestMessage> {
    for await (const line of lines) yield { subject: 'readings.imported', data: line };
  }
  // #endregion

  async schedules(order: Order): Promise<void> {
    // #region schedule
    await this.jetstream.publish(`reminders.${order.id}`, order, {
      schedule: { at: new Date(Date.now() + 3 * 24 * 3_600_000), target: 'orders.unpaid' },
    });
    await this.jetstream.publish('reports.daily', '', {
      schedule: { cron: '0 0 6 * * *', timeZone: 'Europe/Amsterdam', target: 'reports.due' },
    });
    // #endregion
  }

  // #region counter
  async visit(page: string): Promise<bigint> {
    const visits = await this.jetstream.increment(`visits.${page}`);
    const total = await this.jetstream.counter('visits.home');
    this.logger.log(`visit ${visits} of ${page}; home has ${total?.value ?? 0n}`);
    return visits;
  }
  // #endregion
}

// #region defaults
@Module({
  imports: [
    JetStreamModule.forRoot({
      connection: { servers: 'localhost:4222' },
      publish: {
        timeout: 10_000,
        retry: { attempts: 10, wait: 500 },
        idempotent: true,
        maxPending: 10_000,
        onError: (error, message) => Logger.error(`${message.subject} was not stored: ${error.message}`),
      },
    }),
  ],
})
export class AppModule {}
// #endregion

// #region default-headers
import { AsyncLocalStorage } from 'node:async_hooks';

interface RequestContext {
  readonly correlationId: string;
  readonly tenant: string;
}

/** Set by a middleware for each HTTP request: requests.run({ correlationId, tenant }, next). */
export const requests = new AsyncLocalStorage<RequestContext>();

@Module({
  imports: [
    JetStreamModule.forRoot({
      publish: {
        headers: ({ subject }) => {
          const request = requests.getStore();
          if (request === undefined) return { Application: 'shop' };
          const { correlationId, tenant } = request;
          if (subject.startsWith('public.')) return { Application: 'shop', 'Correlation-Id': correlationId };
          return { Application: 'shop', 'Correlation-Id': correlationId, Tenant: tenant };
        },
      },
    }),
  ],
})
export class TenantsModule {}
// #endregion

// #region codec
export const csvCodec: Codec<string[]> = {
  contentType: 'text/csv',
  encode: (row) => textCodec.encode(row.join(',')),
  decode: (data) => textCodec.decode(data).split(','),
};
// #endregion

// #region choose-codec
@Module({
  imports: [
    // Messages may name csvCodec in their headers; those of READINGS need not name anything.
    JetStreamModule.forRoot({ codec: jsonCodec, codecs: [csvCodec] }),
    JetStreamModule.forFeature({
      streams: [{ name: 'READINGS', subjects: ['readings.>'], codec: msgpackCodec }],
    }),
  ],
  providers: [Shop],
})
export class ReadingsModule {}
// #endregion

// #region select
const codecOf = createCodecSelector([csvCodec, textCodec], jsonCodec);

export function read(message: JetStreamMessage): unknown {
  return codecOf(message.headers).decode(message.data);
}
// #endregion
