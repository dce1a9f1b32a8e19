import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Logger } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import type { EventExtras } from 'nestjs-nats-jetstream/microservice';
import type { OrderPlaced, Progress } from '../order.js';
import { Shipments } from './shipments.js';

const STEPS: readonly Progress['step'][] = ['packed', 'collected', 'delivered'];

@Controller()
export class ShippingController {
  private readonly logger = new Logger('Shipping');

  constructor(private readonly shipments: Shipments) {}

  /** Consumes the stream, which keeps orders that are placed while no instance runs. */
  @EventPattern('events.order.placed', { concurrency: 8 } satisfies EventExtras)
  onPlaced(@Payload() order: OrderPlaced): void {
    this.shipments.add(order);
    this.logger.log(`order ${order.id}: ${order.quantity} × ${order.article}`);
  }

  /** Streams several answers to one request; ends early if the caller unsubscribes. */
  @MessagePattern('shipping.track')
  async *track(@Payload() id: string): AsyncGenerator<Progress> {
    if (!this.shipments.find(id))
      throw new RpcException({ status: 404, message: `no order ${id} was shipped` });
    for (const step of STEPS) {
      await delay(50);
      yield { id, step };
    }
  }
}
