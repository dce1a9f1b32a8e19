import type { AirportDelays } from './airport-delays.js';
import { meanDelay } from './airport-delays.js';

/** The result of all runs: stored as JSON, drawn as a chart and printed as a table. */
export interface FlightReport {
  readonly published: number;
  readonly consumed: number;
  readonly lost: number;
  /** The airports with the longest mean delay, among those with at least {@link BUSY} departures. */
  readonly worst: readonly AirportSummary[];
  /** Every airport, by its code. */
  readonly airports: Readonly<Record<string, AirportSummary>>;
}

export interface AirportSummary {
  readonly airport: string;
  readonly flights: number;
  readonly late: number;
  readonly totalDelay: number;
  /** Minutes. */
  readonly meanDelay: number;
}

/** The number of departures from which on an airport's mean is meaningful. */
export const BUSY = 100;

export function makeReport(published: number, delays: ReadonlyMap<string, AirportDelays>): FlightReport {
  const airports = [...delays]
    .map(([airport, of]) => summarize(airport, of))
    .toSorted((a, b) => (a.airport < b.airport ? -1 : 1));
  const consumed = airports.reduce((sum, { flights }) => sum + flights, 0);
  return {
    published,
    consumed,
    lost: published - consumed,
    worst: airports
      .filter(({ flights }) => flights >= BUSY)
      .toSorted((a, b) => b.meanDelay - a.meanDelay)
      .slice(0, 10),
    airports: Object.fromEntries(airports.map((summary) => [summary.airport, summary])),
  };
}

function summarize(airport: string, delays: AirportDelays): AirportSummary {
  const { flights, late, totalDelay } = delays;
  return { airport, flights, late, totalDelay, meanDelay: Number(meanDelay(delays).toFixed(2)) };
}
