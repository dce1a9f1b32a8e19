import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { JsConsumer } from 'nestjs-nats-jetstream';

@Injectable()
export class Shipping {
  @JsConsumer({ stream: 'PARCELS', durable: 'shipping', concurrency: 2 })
  async onParcel(): Promise<void> {
    await delay(20);
  }
}
