import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { DeadLetterContext, OnDeadLetter } from 'nestjs-nats-jetstream';
import type { Parcel } from './parcel.js';

/** Receives each parcel that could not be shipped. A real application would alert an operator here. */
@Injectable()
export class LostParcels {
  readonly ids: number[] = [];

  @OnDeadLetter({ stream: 'PARCELS' })
  onDeadLetter(@Payload() parcel: Parcel, @Ctx() { deadLetter }: DeadLetterContext): void {
    const { reason, deliveries, error } = deadLetter;
    this.ids.push(parcel.id);
    console.log(`parcel ${parcel.id} to ${parcel.city}: ${reason} (${deliveries}), ${error}`);
  }
}
