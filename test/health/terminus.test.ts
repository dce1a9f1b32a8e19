import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Payload } from '@nestjs/microservices';
import { HealthCheck, HealthCheckService, TerminusModule, type HealthCheckResult } from '@nestjs/terminus';
import { JetStreamModule, JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import { JetStreamHealthIndicator, JetStreamHealthModule } from 'nestjs-nats-jetstream/health';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';

@Injectable()
class Work {
  @JsConsumer({ stream: 'S', durable: 'work' })
  handle(@Payload() { hang }: { readonly hang: boolean }): Promise<void> | undefined {
    return hang ? new Promise(() => {}) : undefined;
  }
}

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly jetstream: JetStreamHealthIndicator,
  ) {}

  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.health.check([
      () => this.jetstream.connection('nats', { timeout: 300 }),
      () => this.jetstream.handlers('handlers', { stalledAfter: 100, grace: 0, timeout: 300 }),
      () => this.jetstream.resources('resources', { streams: ['S'], grace: 0, timeout: 300 }),
    ]);
  }

  @Get('live')
  @HealthCheck()
  live(): Promise<HealthCheckResult> {
    return this.health.check([() => this.jetstream.liveness('handlers', { stalledAfter: 100 })]);
  }
}

describe('terminus over HTTP on Express', () => {
  let server: NatsTestServer;
  let app: NestExpressApplication;
  let url: string;

  beforeEach(async () => {
    server = await NatsTestServer.start();
    @Module({
      imports: [
        JetStreamModule.forRoot({
          connection: { servers: server.url, reconnectTimeWait: 20 },
          shutdownTimeout: 200,
        }),
        JetStreamModule.forFeature({ streams: [{ name: 'S', subjects: ['s'], storage: 'memory' }] }),
        JetStreamHealthModule,
        TerminusModule.forRoot({ logger: false }),
      ],
      controllers: [HealthController],
      providers: [Work],
    })
    class AppModule {}
    app = await NestFactory.create<NestExpressApplication>(AppModule, { logger: false });
    await app.listen(0, '127.0.0.1');
    url = `${await app.getUrl()}/health`;
  });
  afterEach(async () => {
    await app.close();
    await server.stop();
  });

  async function probe(
    path: 'ready' | 'live',
  ): Promise<{ readonly status: number; readonly body: HealthCheckResult }> {
    const response = await fetch(`${url}/${path}`);
    return { status: response.status, body: (await response.json()) as HealthCheckResult };
  }

  it('answers 200 with details while all is well', async () => {
    const { status, body } = await probe('ready');
    expect(status).toBe(200);
    expect(body.status).toBe('ok');
    expect(body.details).toMatchObject({
      nats: { status: 'up', connections: [{ connection: 'default', state: 'connected' }] },
      handlers: { status: 'up', handlers: [{ handler: 'Work.handle', state: 'running', pending: 0 }] },
      resources: { status: 'up', resources: [{ kind: 'stream', name: 'S', status: 'up' }] },
    });
    expect((await probe('live')).body.details).toEqual({
      handlers: { status: 'up', stalled: [], closed: [] },
    });
  });

  it('answers 503 to both probes when a handler hangs', async () => {
    await app.get(JetStreamService).publish('s', { hang: true });
    const { body } = await eventually(
      () => probe('live'),
      ({ status }) => status === 503,
    );
    expect(body.error).toMatchObject({ handlers: { status: 'down', stalled: ['Work.handle'] } });
    const ready = await probe('ready');
    expect(ready.status).toBe(503);
    expect(Object.keys(ready.body.error ?? {})).toEqual(['handlers']);
    expect(Object.keys(ready.body.info ?? {})).toEqual(['nats', 'resources']);
  });

  it('answers 503 to the readiness probe only when the server is gone', async () => {
    await server.kill();
    const { body } = await eventually(
      () => probe('ready'),
      ({ status }) => status === 503,
    );
    expect(body.error?.nats).toMatchObject({ status: 'down' });
    expect((await probe('live')).status).toBe(200);
  });
});
