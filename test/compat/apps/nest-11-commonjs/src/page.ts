/** Serves the AsyncAPI page and the board on Express and on Fastify, prints the addresses, and ends when its input ends. */
import { Injectable, Module, type DynamicModule, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import fastifyHelmet from '@fastify/helmet';
import helmet from 'helmet';
import { defineMessage, JetStreamModule, JsConsumer } from 'nestjs-nats-jetstream';
import { JetStreamAsyncApiModule } from 'nestjs-nats-jetstream/asyncapi';
import { JetStreamBoardModule } from 'nestjs-nats-jetstream/board';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';

const OrderPlaced = defineMessage({ subject: 'orders.:id.placed', examples: [{ total: 7 }] });

@Injectable()
class Billing {
  @JsConsumer(OrderPlaced, { durable: 'billing' })
  onPlaced(@Payload() _order: unknown): void {
    // The page only needs the handler.
  }
}

@Module({})
class Shop {
  static on(url: string): DynamicModule {
    return {
      module: Shop,
      imports: [
        JetStreamModule.forRoot({ connection: { servers: url } }),
        JetStreamModule.forFeature({
          streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' }],
          messages: [OrderPlaced],
        }),
        JetStreamAsyncApiModule.forRoot({
          info: { title: 'Shop', version: '1.0.0' },
          public: true,
          tryIt: { publish: true, dryRun: true, messages: true },
        }),
        JetStreamBoardModule.forRoot({
          public: true,
          access: (_, action) => action !== 'drop',
          readOnly: false,
        }),
      ],
      providers: [Billing],
    };
  }
}

async function serve(app: INestApplication): Promise<string> {
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

async function main(): Promise<void> {
  const server = await NatsTestServer.start();
  const quiet = { logger: ['error' as const, 'warn' as const] };
  const express = await NestFactory.create(Shop.on(server.url), quiet);
  express.use(helmet());
  const adapter = new FastifyAdapter();
  await adapter.register(fastifyHelmet as never);
  const fastify = await NestFactory.create(Shop.on(server.url), adapter, quiet);
  const pages = { express: await serve(express), fastify: await serve(fastify) };
  console.log(JSON.stringify(pages));
  await new Promise((resolve) => process.stdin.resume().once('end', resolve));
  await express.close();
  await fastify.close();
  await server.stop();
}

void main();
