import type { Server } from 'node:http';
import { Inject, Injectable, Module, type DynamicModule, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import {
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  JsSchedule,
  KeyValueService,
  ObjectStoreService,
  PublishTo,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import { type BoardOptions, JetStreamBoardModule } from 'nestjs-nats-jetstream/board';
import type { Platform } from '../http/serve-board.js';

/** The stream of the dead letters of a connection. */
export const DEAD_LETTER_STREAM = 'DEAD_LETTERS';

/** The work of both instances of a shop. */
export class Work {
  readonly orders: unknown[] = [];
  runs = 0;
  /** Orders with this text cannot be handled; empty to handle all. */
  broken = 'broken';
}

@Injectable()
class Billing {
  constructor(@Inject(Work) private readonly work: Work) {}

  @PublishTo('parcels.new')
  @JsConsumer({ stream: 'ORDERS', durable: 'billing', concurrency: 2, deadLetter: true })
  onOrder(@Payload() order: unknown): unknown {
    const { broken, orders } = this.work;
    if (broken !== '' && JSON.stringify(order).includes(broken))
      throw new TerminateMessage(`cannot bill ${JSON.stringify(order).slice(0, 2_000)}`);
    orders.push(order);
    return order;
  }
}

@Injectable()
class Shipping {
  @JsConsumer({ stream: 'PARCELS', durable: 'shipping' })
  onParcel(): void {
    // The board shows its figures.
  }
}

@Injectable()
class Reports {
  constructor(@Inject(Work) private readonly work: Work) {}

  @JsSchedule({ every: 3_600_000 })
  daily(): void {
    this.work.runs++;
  }
}

@Module({})
class Shop {}

function shop(servers: string, work: Work, boards: readonly DynamicModule[]): DynamicModule {
  return {
    module: Shop,
    imports: [
      JetStreamModule.forRoot({
        connection: { servers },
        discovery: { name: 'shop', version: '1.0.0', control: true },
        bootSummary: false,
      }),
      JetStreamModule.forFeature({
        streams: [
          { name: 'ORDERS', subjects: ['orders.>'], storage: 'memory', allowDirect: true },
          { name: 'PARCELS', subjects: ['parcels.>'], storage: 'memory' },
        ],
        keyValues: [{ bucket: 'customers', history: 5, storage: 'memory' }],
        objectStores: [{ bucket: 'files', storage: 'memory' }],
      }),
      // Another connection to the same server.
      JetStreamModule.forRoot({ name: 'second', connection: { servers }, bootSummary: false }),
      ...boards,
    ],
    providers: [Billing, Shipping, Reports, { provide: Work, useValue: work }],
  };
}

/** Two instances of a shop, of which one serves the board, and a client that is not part of them. */
export class ServedShop implements AsyncDisposable {
  private constructor(
    readonly url: string,
    readonly work: Work,
    readonly app: INestApplicationContext,
    private readonly apps: readonly INestApplicationContext[],
    private readonly server: Server,
    readonly connection: NatsConnection,
    readonly client: JetStreamClient,
    readonly manager: JetStreamManager,
  ) {}

  static async start(servers: string, platform: Platform, board: BoardOptions = {}): Promise<ServedShop> {
    const work = new Work();
    const quiet = { logger: false, abortOnError: false } as const;
    const module = JetStreamBoardModule.forRoot({ title: 'Shop', readOnly: false, ...board });
    const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
    const one = await NestFactory.create(shop(servers, work, [module]), adapter, quiet);
    await one.listen(0, '127.0.0.1');
    const two = await NestFactory.createApplicationContext(shop(servers, work, []), quiet);
    const connection = await connect({ servers });
    const url = `${(await one.getUrl()).replace('[::1]', '127.0.0.1')}/board`;
    return new ServedShop(
      url,
      work,
      one,
      [one, two],
      one.getHttpServer() as Server,
      connection,
      jetstream(connection),
      await jetstreamManager(connection),
    );
  }

  /** Stores entries of a bucket, an object and parcels, so that each view has content. */
  async fill(): Promise<void> {
    const customers = await this.app.get(KeyValueService).open('customers');
    await customers.put('ann', { city: 'Bern' });
    await customers.put('ann', { city: 'Basel' });
    const files = await this.app.get(ObjectStoreService).open('files');
    await files.putString('invoice.txt', 'to pay: 7');
    await this.app.get(JetStreamService).publish('orders.1', { id: 1 });
  }

  /** Publishes an order that becomes a dead letter. @returns the sequence of the dead letter */
  async bury(order: unknown, subject = 'orders.broken'): Promise<number> {
    const before = await this.deadLetters();
    await this.app.get(JetStreamService).publish(subject, order);
    for (;;) {
      const now = await this.deadLetters();
      if (now.messages > before.messages) return now.last;
    }
  }

  /** The dead letters on the server, as another client sees them. */
  async deadLetters(): Promise<{ readonly messages: number; readonly last: number }> {
    const { state } = await this.manager.streams.info(DEAD_LETTER_STREAM);
    return { messages: state.messages, last: state.last_seq };
  }

  /** The status of a handler in each instance, as the instances answer the client. */
  async statuses(handler: string): Promise<string[]> {
    const answers = await this.connection.requestMany('$SRV.STATS.shop', '', {
      strategy: 'count',
      maxMessages: 2,
    });
    const found: string[] = [];
    for await (const answer of answers) {
      const { endpoints } = answer.json<{ endpoints: { data?: { handler?: string; status?: string } }[] }>();
      for (const { data } of endpoints) if (data?.handler === handler) found.push(data.status ?? '');
    }
    return found.sort();
  }

  /** Whether a schedule is paused, as it is stored on the server. */
  async isPaused(schedule: string): Promise<boolean> {
    const stored = await this.manager.streams.getMessage('KV_SCHEDULES', {
      last_by_subj: `$KV.SCHEDULES.schedule.${schedule}`,
    });
    const pause = stored?.json<{ pause?: { to?: number } }>().pause;
    return pause !== undefined && pause.to === undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = setInterval(() => this.server.closeAllConnections(), 20);
    for (const app of this.apps) await app.close();
    clearInterval(closing);
    await this.connection.close();
  }
}
