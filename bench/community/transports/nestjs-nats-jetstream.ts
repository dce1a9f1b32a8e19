import { ClientsModule } from '@nestjs/microservices';
import { JetStreamClient, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { EVENTS, type Transport } from '../transport.js';
import { connect, serve } from './application.js';
import { controllerOf } from './controller.js';

/** This package, with the options of docs/microservices.md and no others. */
const transport: Transport = {
  name: 'nestjs-nats-jetstream',
  suites: ['emit', 'events', 'requests'],
  stream: 'EVENTS',
  serve: (url, storage, handlers) =>
    serve({ controllers: [controllerOf(handlers)] }, () => ({
      strategy: new JetStreamServer({
        name: 'shop',
        connection: { servers: url },
        streams: [{ name: 'EVENTS', subjects: [EVENTS], storage }],
      }),
    })),
  connect: (url) =>
    connect(
      [
        ClientsModule.register([
          { name: 'SHOP', customClass: JetStreamClient, options: { connection: { servers: url } } },
        ]),
      ],
      'SHOP',
    ),
};

export default transport;
