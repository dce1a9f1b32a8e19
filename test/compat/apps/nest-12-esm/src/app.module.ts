import { type DynamicModule, Injectable, Module } from '@nestjs/common';
import { JetStreamModule, type JetStreamModuleOptions } from 'nestjs-nats-jetstream';
import { Readings } from './readings.js';

@Injectable()
class Limits {
  readonly history = 5;
}

@Module({ providers: [Limits], exports: [Limits] })
class LimitsModule {}

@Module({
  imports: [
    JetStreamModule.forFeature({ streams: [{ name: 'READINGS', subjects: ['readings.*'] }] }),
    JetStreamModule.forFeatureAsync({
      imports: [LimitsModule],
      keyValues: [
        { bucket: 'readings', inject: [Limits], useFactory: ({ history }: Limits) => ({ history }) },
      ],
    }),
  ],
  providers: [Readings],
})
export class AppModule {
  static on(servers: string, options: JetStreamModuleOptions = {}): DynamicModule {
    return {
      module: AppModule,
      imports: [
        JetStreamModule.forRootAsync({ useFactory: () => ({ connection: { servers }, ...options }) }),
      ],
    };
  }
}
