// #region imports
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import {
  JetStreamMetrics,
  JetStreamMetricsModule,
  jetStreamPrometheusMetrics,
} from 'nestjs-nats-jetstream/metrics';
import { JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { register } from 'prom-client';
// #endregion

// #region module
@Module({
  imports: [
    JetStreamModule.forRoot({ connection: { servers: 'nats://localhost:4222' } }),
    JetStreamMetricsModule.forRoot({ application: 'billing', endpoint: '/metrics' }),
  ],
})
export class AppModule {}
// #endregion

@Injectable()
class Settings {
  readonly application: string = 'billing';
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

// #region async
export const metrics = JetStreamMetricsModule.forRootAsync({
  endpoint: '/metrics',
  imports: [SettingsModule],
  inject: [Settings],
  useFactory: (settings: Settings) => ({
    application: settings.application,
    buckets: { process: [0.01, 0.1, 1, 10] },
  }),
});
// #endregion

// #region hybrid
export async function bootstrap(): Promise<void> {
  const app = await NestFactory.create(AppModule);
  app.connectMicroservice<MicroserviceOptions>({
    strategy: new JetStreamServer({
      name: 'billing',
      connection: { servers: 'nats://localhost:4222' },
      instruments: [app.get(JetStreamMetrics)],
    }),
  });
  await app.startAllMicroservices();
  await app.listen(3000);
}
// #endregion

@Module({})
class BillingModule {}

// #region microservice
export async function microservice(): Promise<void> {
  const instrument = jetStreamPrometheusMetrics({ application: 'billing' });
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(BillingModule, {
    strategy: new JetStreamServer({ name: 'billing', instruments: [instrument] }),
  });
  await app.listen();
}
// #endregion

// #region text
export function scrape(): Promise<string> {
  return register.metrics();
}
// #endregion
