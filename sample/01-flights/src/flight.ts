/** A record of the data set: one flight inside the United States, in the first months of 2001. */
export interface Flight {
  /** Departure, local time: `2001/01/01 00:47`. */
  readonly date: string;
  /** How late it arrived, in minutes; negative if it was early. */
  readonly delay: number;
  /** Miles. */
  readonly distance: number;
  /** IATA code of the airport it left. */
  readonly origin: string;
  /** IATA code of the airport it went to. */
  readonly destination: string;
}

/** The subject that a flight is published to: `flights.DTW.LAS`. */
export function subjectOf({ origin, destination }: Flight): string {
  return `flights.${origin}.${destination}`;
}
