import { ClientsModule, Transport as NestTransport } from '@nestjs/microservices';
import type { Transport } from '../transport.js';
import { connect, serve } from './application.js';
import { controllerOf } from './controller.js';

/** Nest's own transport over core NATS, which has no durable events: a reference for requests. */
const transport: Transport = {
  name: 'Transport.NATS',
  suites: ['requests'],
  stream: '',
  serve: (url, _storage, handlers) =>
    serve({ controllers: [controllerOf(handlers)] }, () => ({
      transport: NestTransport.NATS,
      options: { servers: [url], queue: 'shop' },
    })),
  connect: (url) =>
    connect(
      [
        ClientsModule.register([
          { name: 'SHOP', transport: NestTransport.NATS, options: { servers: [url] } },
        ]),
      ],
      'SHOP',
    ),
};

export default transport;
