import { Controller, type Type } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { Observable } from 'rxjs';
import { EVENT, REQUEST, type Handlers, type Order, type Total } from '../transport.js';

/**
 * The controller of transports without special requirements.
 *
 * @param answer converts a total to the return value of the request handler
 */
export function controllerOf(
  { onEvent }: Handlers,
  answer: (total: Total) => Total | Observable<Total> = (total) => total,
): Type {
  @Controller()
  class Orders {
    @EventPattern(EVENT)
    onPlaced(@Payload() order: Order): void {
      onEvent(order);
    }

    @MessagePattern(REQUEST)
    total(@Payload() { id, total }: Order): Total | Observable<Total> {
      return answer({ id, total });
    }
  }
  return Orders;
}
