import {
  Controller,
  type DynamicModule,
  Get,
  type HttpServer,
  type INestApplication,
  Inject,
  Module,
  VersioningType,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JetStreamHealthIndicator, JetStreamHealthModule } from 'nestjs-nats-jetstream/health';
import { JetStreamMetricsModule } from 'nestjs-nats-jetstream/metrics';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppModule } from './app.module.js';

// Terminus is installed by the test that runs this application; its types need packages that are not installed.
const { HealthCheck, HealthCheckService, TerminusModule } = await import(String('@nestjs/terminus'));

interface Checks {
  check(indicators: readonly (() => Promise<object>)[]): Promise<object>;
}

@Controller('health')
class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: Checks,
    private readonly jetstream: JetStreamHealthIndicator,
  ) {}

  @Get('ready')
  @HealthCheck()
  ready(): Promise<object> {
    return this.health.check([
      () => this.jetstream.connection('nats', { timeout: 300 }),
      () => this.jetstream.handlers('handlers'),
    ]);
  }
}

@Module({})
class ObservedModule {
  static on(servers: string): DynamicModule {
    return {
      module: ObservedModule,
      imports: [
        AppModule.on(servers),
        JetStreamMetricsModule.forRoot({ registry: new Registry(), endpoint: 'metrics' }),
        JetStreamHealthModule,
        TerminusModule.forRoot({ logger: false }),
      ],
      controllers: [HealthController],
    };
  }
}

describe.each([
  ['platform-express', 'ExpressAdapter'],
  ['platform-fastify', 'FastifyAdapter'],
])('with a global prefix and versions on %s', (platform, adapter) => {
  let server: NatsTestServer;
  let app: INestApplication;

  beforeEach(async () => {
    server = await NatsTestServer.start();
  });

  afterEach(async () => {
    await app.close();
    await server.stop();
  });

  it('serves metrics and health checks', async () => {
    const { [adapter]: Adapter } = (await import(`@nestjs/${platform}`)) as Record<
      string,
      new () => HttpServer
    >;
    app = await NestFactory.create(ObservedModule.on(server.url), new Adapter() as never, {
      logger: false,
    });
    app.setGlobalPrefix('api');
    app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
    await app.listen(0, '127.0.0.1');
    const get = async (path: string) => fetch(`${await app.getUrl()}/api/${path}`);

    const metrics = await get('metrics');
    expect(metrics.status).toBe(200);
    // Express writes the parameters in another order.
    const [type, ...parameters] = metrics.headers.get('content-type')?.split('; ') ?? [];
    expect([type, ...parameters.sort()]).toEqual(['text/plain', 'charset=utf-8', 'version=0.0.4']);
    expect(await metrics.text()).toMatch(
      /^nats_jetstream_handler_state\{.*handler="Readings\.onReading".*state="running"\} 1$/m,
    );
    expect((await get('v1/metrics')).status).toBe(404);
    const ready = await get('v1/health/ready');
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({
      status: 'ok',
      details: { nats: { status: 'up' }, handlers: { status: 'up' } },
    });

    await server.kill();
    let failed = await get('v1/health/ready');
    while (failed.status === 200) failed = await get('v1/health/ready');
    expect(failed.status).toBe(503);
    expect(await failed.json()).toMatchObject({ status: 'error', error: { nats: { status: 'down' } } });
    expect(await (await get('metrics')).text()).toMatch(
      /^nats_jetstream_connection_state\{.*state="disconnected"\} 1$/m,
    );
  });
});
