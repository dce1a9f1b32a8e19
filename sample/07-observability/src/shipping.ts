import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JsConsumer, TerminateMessage } from 'nestjs-nats-jetstream';
import type { Order } from './order.js';

/** The second handler: no retry helps a parcel to a city that does not exist, so it becomes a dead letter. */
@Injectable()
export class Shipping {
  @JsConsumer({ stream: 'PARCELS', durable: 'shipping', filterSubjects: 'parcels.*', deadLetter: true })
  async onParcel(@Payload() { city }: Order): Promise<void> {
    if (city === 'Atlantis') throw new TerminateMessage(`no route to ${city}`);
  }
}
