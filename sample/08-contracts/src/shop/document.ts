import type { AsyncApiOptions } from 'nestjs-nats-jetstream/asyncapi';
import { ShopModule } from './shop.module.js';

/** What `npx nestjs-nats-jetstream asyncapi` reads from this file. It opens no connection. */
export const AppModule = ShopModule.on('nats.example.com');

export const asyncApi: AsyncApiOptions = {
  info: { title: 'Shop', version: '1.0.0', description: 'Takes orders.' },
};
