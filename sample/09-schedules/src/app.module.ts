import { type DynamicModule, Module } from '@nestjs/common';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { Jobs } from './jobs.js';

@Module({ providers: [Jobs] })
export class AppModule {
  static on(servers: string, instance: string): DynamicModule {
    return {
      module: AppModule,
      imports: [JetStreamModule.forRoot({ connection: { servers } })],
      providers: [{ provide: 'INSTANCE', useValue: instance }],
    };
  }
}
