import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JsConsumer } from 'nestjs-nats-jetstream';
import { Carrier, CarrierBusy, UnknownCity } from './carrier.js';
import type { Parcel } from './parcel.js';

/** Ships each parcel, and decides which failures are retried. */
@Injectable()
export class Shipping {
  attempts = 0;

  constructor(private readonly carrier: Carrier) {}

  @JsConsumer({
    stream: 'PARCELS',
    durable: 'shipping',
    concurrency: 8,
    retry: {
      maxDeliver: 3,
      backoff: [100, 300],
      errors: [
        { type: CarrierBusy, maxDeliver: 20, backoff: [200], jitter: 0.5 },
        { type: UnknownCity, maxDeliver: 1 },
      ],
    },
    deadLetter: true,
  })
  async ship(@Payload() parcel: Parcel): Promise<void> {
    this.attempts++;
    await this.carrier.book(parcel);
  }
}
