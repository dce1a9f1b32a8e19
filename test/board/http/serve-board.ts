import type { Server } from 'node:http';
import type { DynamicModule, INestApplication } from '@nestjs/common';
import { Injectable, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import {
  JetStreamModule,
  type JetStreamModuleOptions,
  JsConsumer,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import { type BoardExtras, type BoardOptions, JetStreamBoardModule } from 'nestjs-nats-jetstream/board';
import { LogRecorder } from '../../support/log-recorder.js';

/** Orders with this text become dead letters. */
export const BROKEN = 'broken';

@Injectable()
export class Billing {
  readonly orders: string[] = [];

  @JsConsumer({ stream: 'ORDERS', durable: 'billing', deadLetter: true })
  onOrder(@Payload() order: string): void {
    if (order === BROKEN) throw new TerminateMessage('it cannot be billed');
    this.orders.push(order);
  }
}

@Module({})
class Shop {}

/** A module that handles orders, with boards. */
export function shop(
  url: string,
  boards: readonly DynamicModule[],
  options: Partial<JetStreamModuleOptions> = {},
): DynamicModule {
  return {
    module: Shop,
    imports: [
      JetStreamModule.forRoot({ connection: { servers: url }, ...options }),
      JetStreamModule.forFeature({
        streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory', allowDirect: true }],
        objectStores: [{ bucket: 'files', storage: 'memory' }],
      }),
      ...boards,
    ],
    providers: [Billing],
  };
}

export type Platform = 'express' | 'fastify';
export const PLATFORMS: readonly Platform[] = ['express', 'fastify'];

/** The answer of a board. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    readonly error?: { readonly name: string; readonly message: string };
    readonly [member: string]: unknown;
  };
}

export interface ServedBoard extends AsyncDisposable {
  readonly app: INestApplication;
  readonly logs: LogRecorder;
  readonly url: string;
  /** Requests a path. */
  get(path: string, init?: RequestInit): Promise<Response>;
  /** Reads a view. */
  view(name: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** Sends an action as the page does. */
  act(action: string, input: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

export interface BoardTest {
  readonly platform?: Platform;
  readonly board?: BoardOptions & BoardExtras;
  readonly boards?: readonly DynamicModule[];
  readonly options?: Partial<JetStreamModuleOptions>;
  readonly configure?: (app: INestApplication) => unknown;
  /** Changes the module before it is compiled. */
  readonly override?: (module: TestingModuleBuilder) => TestingModuleBuilder;
}

/** Starts the shop with its board on an HTTP platform. */
export async function serveBoard(url: string, settings: BoardTest = {}): Promise<ServedBoard> {
  const { platform = 'express', board = {}, options, configure, override = (module) => module } = settings;
  const boards = settings.boards ?? [JetStreamBoardModule.forRoot(board)];
  const logs = new LogRecorder();
  const module = await override(Test.createTestingModule({ imports: [shop(url, boards, options)] }))
    .setLogger(logs)
    .compile();
  const app = module.createNestApplication(
    platform === 'express'
      ? new ExpressAdapter()
      : new FastifyAdapter({ routerOptions: { ignoreTrailingSlash: true } }),
  );
  try {
    await configure?.(app);
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
    view: async (name, headers = {}) => answerOf(await get(`/board/api/${name}`, { headers })),
    act: async (action, input, headers = {}) =>
      answerOf(
        await get(`/board/api/${action}`, {
          method: 'POST',
          body: typeof input === 'string' ? input : JSON.stringify(input),
          headers: { 'content-type': 'application/json', 'x-jetstream-page': '1', ...headers },
        }),
      ),
    async [Symbol.asyncDispose](): Promise<void> {
      // After an aborted request, fetch opens a connection in advance, which would keep the server open.
      const server = app.getHttpServer() as Server;
      const closing = setInterval(() => server.closeAllConnections(), 20);
      await app.close();
      clearInterval(closing);
    },
  };
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const { status, headers } = response;
  try {
    return { status, headers, body: JSON.parse(text) as Answer['body'] };
  } catch {
    return { status, headers, body: { text } };
  }
}
