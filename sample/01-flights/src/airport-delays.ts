import type { Flight } from './flight.js';

/** The statistics of the departures of one airport: the value that the bucket has for the airport's code. */
export interface AirportDelays {
  readonly flights: number;
  /** How many were at least {@link LATE} minutes late. */
  readonly late: number;
  /** The sum of all delays, in minutes. */
  readonly totalDelay: number;
  /** The stream sequence of the last flight that is counted here, by which a redelivered flight is recognized. */
  readonly lastSequence: number;
}

/** A flight counts as late from this many minutes on. */
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
