import type { AsyncApiOptions } from 'nestjs-nats-jetstream/asyncapi';
import { AppModule } from './app.module';

/** The module for the command of the package, which opens no connection. */
export const DocumentedModule = AppModule.on('nats.example.com');

export const asyncApi: AsyncApiOptions = { info: { title: 'Readings', version: '1.0.0' } };
