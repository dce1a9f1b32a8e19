import { Body, Controller, Post } from '@nestjs/common';
import { JetStreamService } from 'nestjs-nats-jetstream';
import type { Order } from './order.js';

@Controller('orders')
export class OrdersController {
  constructor(private readonly jetstream: JetStreamService) {}

  @Post()
  async place(@Body() order: Order): Promise<{ readonly sequence: number }> {
    const { sequence } = await this.jetstream.publish(`orders.${order.id}.placed`, order);
    return { sequence };
  }
}
