import {
  NatsJetStreamClientProxy,
  NatsJetStreamServer,
  NatsJetStreamTransport,
  type NatsJetStreamContext,
} from '@nestjs-plugins/nestjs-nats-jetstream-transport';
import { Controller, type Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { StorageType, type NatsConnection } from 'nats';
import {
  EVENT,
  EVENTS,
  REQUEST,
  type Handlers,
  type Order,
  type Total,
  type Transport,
} from '../transport.js';
import { connect, serve } from './application.js';

/** With the options of its README: `manualAck`, and handlers that acknowledge by hand. */
const transport: Transport = {
  name: '@nestjs-plugins/nestjs-nats-jetstream-transport',
  suites: ['emit', 'events', 'requests'],
  stream: 'EVENTS',
  serve: (url, storage, handlers) =>
    serve({ controllers: [controllerOf(handlers)] }, () => ({
      strategy: new NatsJetStreamServer({
        connectionOptions: { servers: url, name: 'shop-listener' },
        consumerOptions: {
          deliverGroup: 'shop-group',
          durable: 'shop-durable',
          deliverTo: 'shop-messages',
          manualAck: true,
        },
        streamConfig: {
          name: 'EVENTS',
          subjects: [EVENTS],
          storage: storage === 'file' ? StorageType.File : StorageType.Memory,
        },
      }),
    })),
  connect: (url) =>
    connect(
      [NatsJetStreamTransport.register({ connectionOptions: { servers: url, name: 'shop-publisher' } })],
      NatsJetStreamClientProxy,
      // It has no `unwrap`.
      (client) => Reflect.get(client, 'nc') as NatsConnection,
    ),
};

export default transport;

function controllerOf({ onEvent }: Handlers): Type {
  @Controller()
  class Orders {
    @EventPattern(EVENT)
    onPlaced(@Payload() order: Order, @Ctx() context: NatsJetStreamContext): void {
      onEvent(order);
      context.message.ack();
    }

    @MessagePattern(REQUEST)
    total(@Payload() { id, total }: Order): Total {
      return { id, total };
    }
  }
  return Orders;
}
