import { type DynamicModule, Module } from '@nestjs/common';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { FilesController } from './files.controller.js';

@Module({
  imports: [JetStreamModule.forFeature({ objectStores: [{ bucket: 'files' }] })],
  controllers: [FilesController],
})
export class AppModule {
  static on(servers: string): DynamicModule {
    return { module: AppModule, imports: [JetStreamModule.forRoot({ connection: { servers } })] };
  }
}
