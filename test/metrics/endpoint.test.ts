import {
  type CanActivate,
  type ExecutionContext,
  Injectable,
  type INestApplication,
  UnauthorizedException,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { JetStreamMetricsModule } from 'nestjs-nats-jetstream/metrics';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { Registry } from 'prom-client';
import { map } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { LogRecorder } from '../support/log-recorder.js';
import { Scrape } from './scrape.js';

let server: NatsTestServer;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

/** Refuses requests without a token. */
@Injectable()
class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
    if (headers.authorization === 'Bearer t') return true;
    throw new UnauthorizedException();
  }
}

async function serve(
  endpoint: string | undefined,
  configure: (app: INestApplication) => void = () => undefined,
): Promise<{ get(path: string, headers?: Record<string, string>): Promise<Response> } & AsyncDisposable> {
  const module = await Test.createTestingModule({
    imports: [
      JetStreamModule.forRoot({ connection: { servers: server.url } }),
      JetStreamMetricsModule.forRoot({ registry: new Registry(), server: 'off', endpoint }),
    ],
    providers: [{ provide: APP_GUARD, useClass: TokenGuard }],
  })
    .setLogger(new LogRecorder())
    .compile();
  const app = module.createNestApplication();
  configure(app);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  return {
    get: (path, headers = { authorization: 'Bearer t' }) => fetch(url + path, { headers }),
    [Symbol.asyncDispose]: () => app.close(),
  };
}

describe('the endpoint', () => {
  it('serves the registry in the format of Prometheus', async () => {
    await using app = await serve('/metrics');
    const response = await app.get('/metrics');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const scrape = Scrape.parse(await response.text());
    expect(scrape.by('state', 'nats_jetstream_connection_state')).toEqual({ connected: 1 });
  });

  it('does not exist by default', async () => {
    await using app = await serve(undefined);
    expect((await app.get('/metrics')).status).toBe(404);
  });

  it('has the guards of the application', async () => {
    await using app = await serve('/metrics');
    expect((await app.get('/metrics', {})).status).toBe(401);
  });

  it('has the global prefix, and no version; interceptors do not change its response', async () => {
    await using app = await serve('internal/metrics', (application) => {
      application.setGlobalPrefix('api');
      application.enableVersioning();
      application.useGlobalInterceptors({
        intercept: (_, next) => next.handle().pipe(map((data: unknown) => ({ data }))),
      });
    });
    const response = await app.get('/api/internal/metrics');
    expect(response.status).toBe(200);
    expect(await response.text()).toMatch(/^# HELP /);
  });

  it('is reported as not available in an application without an HTTP server', async () => {
    await using application = await startApplication(server.url, {
      imports: [
        JetStreamMetricsModule.forRoot({ registry: new Registry(), server: 'off', endpoint: '/metrics' }),
      ],
    });
    expect(application.logs.of('warn', 'JetStreamMetrics')).toEqual([
      expect.stringContaining('The metrics are not served at "/metrics"'),
    ]);
  });
});
