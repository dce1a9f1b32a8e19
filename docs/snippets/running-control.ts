import { Inject, Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { type BoundHandler, Handlers, JetStreamModule, JsConsumer } from 'nestjs-nats-jetstream';

interface Order {
  readonly id: string;
}

interface Price {
  readonly value: number;
}

@Injectable()
export class Settings {
  readonly worker = process.env.WORKER === 'true';
}

// #region auto-start
@Module({
  imports: [
    JetStreamModule.forRoot({
      connection: { servers: 'nats://localhost:4222' },
      handlers: { autoStart: process.env.WORKER === 'true' },
    }),
  ],
})
export class AppModule {}
// #endregion

// #region enabled
@Injectable()
export class Billing {
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'billing',
    enabled: { inject: [Settings], useFactory: (settings: Settings) => settings.worker },
  })
  async onOrder(@Payload() order: Order): Promise<void> {
    await this.bill(order);
  }

  private async bill(_order: Order): Promise<void> {}
}
// #endregion

// #region start
@Injectable()
export class Rollout {
  constructor(@Inject(Handlers) private readonly handlers: Handlers) {}

  /** Called when the caches are warm. */
  async ready(): Promise<void> {
    await this.handlers.start();
  }

  /** What does not run here, and why. */
  idle(): readonly string[] {
    return this.handlers
      .list()
      .filter(({ notStarted }) => notStarted !== undefined)
      .map(({ handler, notStarted }) => `${handler} (${notStarted})`);
  }
}
// #endregion

// #region bind
@Injectable()
export class Feeds implements OnModuleDestroy {
  private readonly bound = new Map<string, BoundHandler>();

  constructor(@Inject(Handlers) private readonly handlers: Handlers) {}

  async follow(symbol: string): Promise<void> {
    const handler = await this.handlers.bind(this, 'onPrice', {
      subscribe: { subject: `prices.${symbol}`, concurrency: 4 },
    });
    this.bound.set(symbol, handler);
  }

  async unfollow(symbol: string): Promise<void> {
    await this.bound.get(symbol)?.stop();
    this.bound.delete(symbol);
  }

  onPrice(@Payload() price: Price): void {
    this.last = price;
  }

  last: Price | undefined;

  onModuleDestroy(): void {
    // The handlers have been stopped by now.
    this.bound.clear();
  }
}
// #endregion

// #region bind-forms
export async function bindAll(handlers: Handlers, feeds: Feeds): Promise<void> {
  await using consumer = await handlers.bind(feeds, 'onPrice', {
    consumer: { stream: 'PRICES', durable: 'tenant-7', filterSubjects: 'prices.tenant-7.>' },
  });
  await using watch = await handlers.bind(feeds, 'onPrice', {
    kvWatch: { bucket: 'prices', keys: 'tenant-7.*' },
  });
  console.log(consumer.name, watch.name, watch.state.status); // Feeds.onPrice Feeds.onPrice#2 running
}
// #endregion
