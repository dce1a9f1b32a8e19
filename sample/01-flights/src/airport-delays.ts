import type { Flight } from './flight.js';

/** What is known about the departures of one airport: the value kept under the airport's code in the bucket. */
export interface AirportDelays {
  readonly flights: number;
  /** How many were at least {@link LATE} minutes late. */
  readonly late: number;
  /** The sum of all delays, in minutes. */
  readonly totalDelay: number;
  /** The sequence in the stream of the last flight that is counted here: what tells a repetition. */
  readonly lastSequence: number;
}

/** From how many minutes on a flight counts as late. */
export const LATE = 15;

export const NO_FLIGHTS: AirportDelays = { flights: 0, late: 0, totalDelay: 0, lastSequence: 0 };

/** The statistics with one more flight. */
export function withFlight(delays: AirportDelays, { delay }: Flight, sequence: number): AirportDelays {
  return {
    flights: delays.flights + 1,
    late: delays.late + (delay >= LATE ? 1 : 0),
    totalDelay: delays.totalDelay + delay,
    lastSequence: sequence,
  };
}

/** Minutes. */
export function meanDelay({ flights, totalDelay }: AirportDelays): number {
  return flights === 0 ? 0 : totalDelay / flights;
}
