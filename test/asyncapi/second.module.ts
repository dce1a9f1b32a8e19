import { Injectable, Module } from '@nestjs/common';
import { JsConsumer } from 'nestjs-nats-jetstream';

/** A class with the name of another one in the application. */
@Injectable()
export class Billing {
  @JsConsumer({ stream: 'ORDERS', durable: 'second', filterSubjects: 'orders.*.cancelled' })
  onPlaced(): void {}
}

@Module({ providers: [Billing] })
export class SecondModule {}
