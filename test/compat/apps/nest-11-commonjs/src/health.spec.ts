import { Test } from '@nestjs/testing';
import { JetStreamHealthIndicator, JetStreamHealthModule } from 'nestjs-nats-jetstream/health';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { AppModule } from './app.module';

// Terminus is installed by the test that runs this application; its types need packages that are not installed.
const { HealthCheckService, TerminusModule } = require('@nestjs/terminus');

describe('health checks with terminus 11', () => {
  it('are up while the server runs, and down afterwards', async () => {
    const server = await NatsTestServer.start();
    const app = await Test.createTestingModule({
      imports: [AppModule.on(server.url), TerminusModule.forRoot({ logger: false }), JetStreamHealthModule],
    }).compile();
    await app.init();
    const jetstream = app.get(JetStreamHealthIndicator);
    const check = () =>
      app
        .get(HealthCheckService)
        .check([
          () => jetstream.connection('nats', { timeout: 300 }),
          () => jetstream.handlers('handlers'),
          () => jetstream.liveness('process'),
        ]);
    const { status, details } = await check();
    expect([status, details.nats.status, details.handlers.status, details.process.status]).toEqual([
      'ok',
      'up',
      'up',
      'up',
    ]);
    expect(details.handlers.handlers.length).toBeGreaterThan(0);
    server.pause();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const failure = await check().then(
      () => undefined,
      (error: { getStatus(): number; getResponse(): { error: Record<string, unknown> } }) => error,
    );
    expect(failure?.getStatus()).toBe(503);
    expect(Object.keys(failure?.getResponse().error ?? {})).toEqual(['nats']);
    server.resume();
    await app.close();
    await server.stop();
  });
});
