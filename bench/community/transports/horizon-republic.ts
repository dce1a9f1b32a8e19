import {
  getJetStreamTransportToken,
  JetstreamClientModule,
  JetstreamServerModule,
  type JetstreamTransport,
} from '@horizon-republic/nestjs-jetstream';
import { of } from 'rxjs';
import type { Transport } from '../transport.js';
import { connect, serve } from './application.js';
import { controllerOf } from './controller.js';

/**
 * Version 1. Streams and consumers are created by the package from constants: file storage, `max_ack_pending` 100. There is no
 * option for them. Requests go through a stream too.
 */
const transport: Transport = {
  name: '@horizon-republic/nestjs-jetstream 1',
  suites: ['emit', 'events', 'requests'],
  stream: 'shop__microservice_ev-stream',
  serve: (url, _storage, handlers) =>
    serve(
      {
        imports: [JetstreamServerModule.forRoot({ name: 'shop', servers: [url] })],
        // This transport reads the return value of a handler as the input of an observable: a plain object would be
        // answered with `{}`.
        controllers: [controllerOf(handlers, of)],
      },
      (app) => app.get<JetstreamTransport>(getJetStreamTransportToken('shop')),
    ),
  connect: (url) => connect([JetstreamClientModule.forFeature({ name: 'shop', servers: [url] })], 'shop'),
};

export default transport;
