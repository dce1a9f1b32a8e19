import type { History } from '../model/history.js';

/** How long before the advisory of an election the new leader may have been elected, in milliseconds. */
const BEFORE = 1_000;
/**
 * How long a leader that was replaced may go on after the other servers can reach it, in milliseconds: it learns of the new
 * leader from the next heartbeat, which is sent every second.
 */
const UNAWARE = 2_000;

/**
 * The times at which a stream or consumer may have had two leaders. Servers also elect leaders without a fault, for example
 * if the machine is so busy that heartbeats are late.
 */
export class LeaderChanges {
  private readonly periods: readonly { readonly from: number; readonly to: number }[];

  /** @param asset the stream, or the stream and the consumer: `WORK/async` */
  constructor(history: History, asset: string) {
    const faults = history.notesOf('fault').filter(({ separatesLeaders }) => separatesLeaders);
    const elections = history.notesOf('election').filter((election) => election.asset === asset);
    this.periods = [
      ...faults.map(({ began, recovered }) => ({ from: began, to: recovered + UNAWARE })),
      ...elections.map(({ at }) => ({ from: at - BEFORE, to: at + UNAWARE })),
    ];
  }

  /** Whether there may have been two leaders at any time of a period. */
  during(from: number, to: number): boolean {
    return this.periods.some((period) => from < period.to && to > period.from);
  }
}
