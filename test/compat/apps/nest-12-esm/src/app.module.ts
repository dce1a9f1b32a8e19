import { type DynamicModule, Module } from '@nestjs/common';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { Readings } from './readings.js';

@Module({
  imports: [
    JetStreamModule.forFeature({
      streams: [{ name: 'READINGS', subjects: ['readings.*'] }],
      keyValues: [{ bucket: 'readings' }],
    }),
  ],
  providers: [Readings],
})
export class AppModule {
  static on(servers: string): DynamicModule {
    return {
      module: AppModule,
      imports: [JetStreamModule.forRootAsync({ useFactory: () => ({ connection: { servers } }) })],
    };
  }
}
