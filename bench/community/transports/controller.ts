import { Controller, type Type } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { EVENT, REQUEST, type Handlers, type Order, type Total } from '../transport.js';

/** The controller of transports that need nothing of their own in it. */
export function controllerOf({ onEvent }: Handlers): Type {
  @Controller()
  class Orders {
    @EventPattern(EVENT)
    onPlaced(@Payload() order: Order): void {
      onEvent(order);
    }

    @MessagePattern(REQUEST)
    total(@Payload() { id, total }: Order): Total {
      return { id, total };
    }
  }
  return Orders;
}
