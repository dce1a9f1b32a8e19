import {
  getJetStreamTransportToken,
  JetstreamClientModule,
  JetstreamServerModule,
  type JetstreamTransport,
} from '@horizon-republic/nestjs-jetstream';
import { Controller, type Type } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { of, type Observable } from 'rxjs';
import { EVENT, REQUEST, type Handlers, type Order, type Total, type Transport } from '../transport.js';
import { connect, serve } from './application.js';

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
        controllers: [controllerOf(handlers)],
      },
      (app) => app.get<JetstreamTransport>(getJetStreamTransportToken('shop')),
    ),
  connect: (url) => connect([JetstreamClientModule.forFeature({ name: 'shop', servers: [url] })], 'shop'),
};

export default transport;

function controllerOf({ onEvent }: Handlers): Type {
  @Controller()
  class Orders {
    @EventPattern(EVENT)
    onPlaced(@Payload() order: Order): void {
      onEvent(order);
    }

    /** The package reads what a handler returns as an observable input: an object itself is answered with `{}`. */
    @MessagePattern(REQUEST)
    total(@Payload() { id, total }: Order): Observable<Total> {
      return of({ id, total });
    }
  }
  return Orders;
}
