import { type DynamicModule, Module } from '@nestjs/common';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { Greeter } from './greeter.js';
import { LiveSettings } from './live-settings.js';

@Module({
  imports: [JetStreamModule.forFeature({ keyValues: [{ bucket: 'settings', history: 10 }] })],
  providers: [Greeter, LiveSettings],
})
export class AppModule {
  static on(servers: string): DynamicModule {
    return { module: AppModule, imports: [JetStreamModule.forRoot({ connection: { servers } })] };
  }
}
