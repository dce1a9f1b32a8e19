import { type DynamicModule, type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JetStreamAsyncApiModule } from 'nestjs-nats-jetstream/asyncapi';

@Module({})
class ServedService {}

/** A service with a page that shows its document and tries its messages. */
export async function startServed(service: DynamicModule, title: string): Promise<INestApplication> {
  const page = JetStreamAsyncApiModule.forRoot({
    info: { title, version: '1.0.0' },
    // Only this machine can reach the page; a service in production has guards.
    public: true,
    tryIt: { publish: true, dryRun: true, messages: true },
  });
  const app = await NestFactory.create(
    { module: ServedService, imports: [service, page] },
    // A browser may keep its connections.
    { logger: ['error', 'warn'], forceCloseConnections: true },
  );
  return app.init();
}
