import { Controller, Injectable, Module, type DynamicModule } from '@nestjs/common';
import { MessagePattern, Payload, type MicroserviceOptions } from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  defineMessage,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  MessagePipe,
  type PayloadOf,
  type JetStreamModuleOptions,
  type StreamConfig,
} from 'nestjs-nats-jetstream';
import {
  type AsyncApiPageExtras,
  type AsyncApiPageOptions,
  JetStreamAsyncApiModule,
} from 'nestjs-nats-jetstream/asyncapi';
import { JETSTREAM_TRANSPORT, JetStreamServer, type RequestExtras } from 'nestjs-nats-jetstream/microservice';
import { z } from 'zod';
import { LogRecorder } from '../../support/log-recorder.js';

export const OrderPlaced = defineMessage({
  subject: 'orders.:id.placed',
  schema: z.object({ customer: z.string(), total: z.number() }),
  summary: 'A customer placed an order',
  examples: [{ customer: 'ann', total: 7 }],
});

export const PriceChanged = defineMessage({
  subject: 'prices.:article',
  schema: z.object({ price: z.number() }),
  core: true,
});

/** Only the pipe of a pattern has it. */
const DiscountAsked = defineMessage({ subject: 'discounts.:customer', schema: z.number(), core: true });

/** A schema that refers to itself. */
const Category = z.object({
  name: z.string(),
  get children() {
    return z.array(Category);
  },
});

export const CategoryChanged = defineMessage({ subject: 'categories.:id', schema: Category, core: true });

@Injectable()
export class Billing {
  readonly orders: PayloadOf<typeof OrderPlaced>[] = [];

  @JsConsumer(OrderPlaced, { durable: 'billing' })
  onPlaced(@Payload() order: PayloadOf<typeof OrderPlaced>): void {
    this.orders.push(order);
  }
}

@Controller()
export class Quotes {
  readonly reserved: unknown[] = [];

  @MessagePattern('quotes.get')
  quote(@Payload() article: { readonly name: string }): { readonly price: number } {
    return { price: article.name.length };
  }

  @MessagePattern(DiscountAsked.pattern)
  discount(@Payload(new MessagePipe(DiscountAsked)) most: PayloadOf<typeof DiscountAsked>): number {
    return most / 2;
  }

  @MessagePattern('stock.reserve', JETSTREAM_TRANSPORT, {
    mode: 'jetstream',
    stream: 'STOCK',
  } satisfies RequestExtras)
  reserve(@Payload() article: unknown): boolean {
    this.reserved.push(article);
    return true;
  }
}

@Module({})
class Shop {}

/** A module that takes orders, with a page. */
export function shop(
  url: string,
  pages: readonly DynamicModule[],
  options: Partial<JetStreamModuleOptions> = {},
  streams: readonly StreamConfig[] = [],
): DynamicModule {
  return {
    module: Shop,
    imports: [
      JetStreamModule.forRoot({ connection: { servers: url }, ...options }),
      JetStreamModule.forFeature({
        streams: [
          { name: 'ORDERS', subjects: ['orders.>'], storage: 'memory', allowDirect: true },
          { name: 'STOCK', subjects: ['stock.>'], storage: 'memory' },
          ...streams,
        ],
        messages: [OrderPlaced, PriceChanged, CategoryChanged],
      }),
      ...pages,
    ],
    providers: [Billing],
    controllers: [Quotes],
  };
}

export type Platform = 'express' | 'fastify';
export const PLATFORMS: readonly Platform[] = ['express', 'fastify'];

export const INFO = { title: 'Shop', version: '1.0.0' };

export interface ServedShop extends AsyncDisposable {
  readonly app: INestApplication;
  readonly logs: LogRecorder;
  readonly url: string;
  /** Requests a path with these headers. */
  get(path: string, init?: RequestInit): Promise<Response>;
  /** Sends an action as the page does. */
  act(action: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    readonly error?: { readonly message: string };
    readonly [member: string]: unknown;
  };
}

export interface ShopSettings {
  readonly platform?: Platform;
  /** The page; several pages as a list. */
  readonly page?: Partial<AsyncApiPageOptions & AsyncApiPageExtras>;
  readonly pages?: readonly DynamicModule[];
  readonly options?: Partial<JetStreamModuleOptions>;
  readonly configure?: (app: INestApplication) => unknown;
  /** Serves `quotes.get` and `stock.reserve` too. */
  readonly quotes?: boolean;
  /** Further streams. */
  readonly streams?: readonly StreamConfig[];
}

/** Starts the shop with its page on an HTTP platform. */
export async function serveShop(url: string, settings: ShopSettings = {}): Promise<ServedShop> {
  const { platform = 'express', page = {}, options, configure, quotes = false, streams } = settings;
  const pages = settings.pages ?? [JetStreamAsyncApiModule.forRoot({ info: INFO, ...page })];
  const logs = new LogRecorder();
  const module = await Test.createTestingModule({ imports: [shop(url, pages, options, streams)] })
    .setLogger(logs)
    .compile();
  const app = module.createNestApplication(
    platform === 'express'
      ? new ExpressAdapter()
      : new FastifyAdapter({ routerOptions: { ignoreTrailingSlash: true } }),
  );
  try {
    await configure?.(app);
    if (quotes) {
      app.connectMicroservice<MicroserviceOptions>({
        strategy: new JetStreamServer({ name: 'quotes', connection: app.get(JetStreamService) }),
      });
      await app.startAllMicroservices();
    }
    await app.listen(0, '127.0.0.1');
  } catch (error) {
    await app.close();
    throw error;
  }
  const address = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  const get = (path: string, init?: RequestInit): Promise<Response> =>
    fetch(address + path, { redirect: 'manual', ...init });
  return {
    app,
    logs,
    url: address,
    get,
    act: async (action, body, headers = {}) => {
      const response = await get(`/asyncapi/try-it/${action}`, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: { 'content-type': 'application/json', 'x-jetstream-page': '1', ...headers },
      });
      return { status: response.status, headers: response.headers, body: await bodyOf(response) };
    },
    [Symbol.asyncDispose]: () => app.close(),
  };
}

async function bodyOf(response: Response): Promise<Answer['body']> {
  const text = await response.text();
  try {
    return JSON.parse(text) as Answer['body'];
  } catch {
    return { text };
  }
}
