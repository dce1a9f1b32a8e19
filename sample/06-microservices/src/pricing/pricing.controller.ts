import { Controller } from '@nestjs/common';
import { MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import type { OrderRequest } from '../order.js';

const PRICES = new Map([
  ['tea', 4],
  ['coffee', 7],
]);

@Controller()
export class PricingController {
  /** Answered over core NATS, by one of the instances. */
  @MessagePattern('pricing.quote')
  quote(@Payload() { article, quantity }: OrderRequest): number {
    const price = PRICES.get(article);
    if (price === undefined) throw new RpcException({ status: 404, message: `unknown article "${article}"` });
    return price * quantity;
  }
}
