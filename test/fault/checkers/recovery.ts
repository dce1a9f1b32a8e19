import type { History } from '../model/history.js';
import { median } from './counters.js';

/** The times from the end of a fault until every handler handled new messages, in milliseconds. */
export function recoveriesOf(history: History): {
  readonly times: readonly number[];
  readonly median: number;
  readonly worst: number;
} {
  const times = history.notesOf('fault').map(({ healed, recovered }) => recovered - healed);
  return { times, median: median(times), worst: Math.max(0, ...times) };
}
