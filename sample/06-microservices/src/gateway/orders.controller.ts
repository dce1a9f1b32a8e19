import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Res, UseFilters } from '@nestjs/common';
import { JetStreamClient, JetStreamRecordBuilder } from 'nestjs-nats-jetstream/microservice';
import { firstValueFrom } from 'rxjs';
import type { OrderPlaced, OrderRequest, Progress } from '../order.js';
import { SHOP } from './shop.client.js';
import { RpcExceptionFilter } from './rpc-exception.filter.js';

@Controller('orders')
@UseFilters(RpcExceptionFilter)
export class OrdersController {
  constructor(@Inject(SHOP) private readonly shop: JetStreamClient) {}

  /** The order is accepted when the stream has stored the event, even if the shipping service is down. */
  @Post()
  @HttpCode(202)
  async place(@Body() order: OrderRequest): Promise<OrderPlaced> {
    const price = await firstValueFrom(this.shop.send<number>('pricing.quote', order));
    const placed: OrderPlaced = { ...order, id: randomUUID(), price };
    const record = new JetStreamRecordBuilder(placed).setMessageId(placed.id).build();
    await firstValueFrom(this.shop.emit('events.order.placed', record));
    return placed;
  }

  /** Streams the answers of the service as lines of JSON. */
  @Get(':id/progress')
  async track(@Param('id') id: string, @Res() response: ServerResponse): Promise<void> {
    const answers = this.shop.send<Progress>('shipping.track', id);
    await new Promise<void>((resolve, reject) => {
      const subscription = answers.subscribe({
        next: (progress) => response.write(`${JSON.stringify(progress)}\n`),
        error: reject,
        complete: resolve,
      });
      response.on('close', () => subscription.unsubscribe());
    });
    response.end();
  }
}
