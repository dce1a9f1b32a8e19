import { Injectable } from '@nestjs/common';
import type { Parcel } from './parcel.js';

/** The carrier is temporarily busy. */
export class CarrierBusy extends Error {}

/** The carrier does not go to that city. */
export class UnknownCity extends Error {}

/** Accepts parcels, but is sometimes busy, does not go to every city, and its scales are broken at first. */
@Injectable()
export class Carrier {
  scalesWork = false;
  readonly booked: Parcel[] = [];
  private readonly cities = new Set(['Amsterdam', 'Berlin', 'Lisbon', 'Vienna']);
  private readonly turnedAway = new Map<number, number>();

  async book(parcel: Parcel): Promise<void> {
    if (!this.cities.has(parcel.city)) throw new UnknownCity(`no route to ${parcel.city}`);
    if (parcel.id % 3 === 0 && this.timesTurnedAway(parcel) < 2) throw new CarrierBusy('come back later');
    if (parcel.grams > 20_000 && !this.scalesWork) throw new Error('the scales are broken');
    this.booked.push(parcel);
  }

  private timesTurnedAway({ id }: Parcel): number {
    const times = this.turnedAway.get(id) ?? 0;
    this.turnedAway.set(id, times + 1);
    return times;
  }
}
