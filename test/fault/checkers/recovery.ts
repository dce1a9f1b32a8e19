import { grouped } from '../model/grouped.js';
import type { History } from '../model/history.js';
import { median } from './counters.js';
import type { Violation } from './violation.js';

/** How long after a fault each handler may take until it handles new messages, in milliseconds. */
const LONGEST_RECOVERY = 90_000;

/** After each fault, every handler handles new messages again. */
export function checkRecovery(history: History): Violation[] {
  return history
    .notesOf('fault')
    .filter(({ healed, recovered }) => recovered - healed > LONGEST_RECOVERY)
    .map(({ name }) => ({ promise: 'recovery', text: `no recovery within ${LONGEST_RECOVERY} ms after "${name}"` }));
}

/** The times from the end of a fault to the recovery, in milliseconds, by the name of the fault. */
export function recoveriesOf(history: History): { name: string; count: number; median: number; worst: number }[] {
  return [...grouped(history.notesOf('fault'), ({ name }) => name)].map(([name, faults]) => {
    const times = faults.map(({ healed, recovered }) => recovered - healed);
    return { name, count: faults.length, median: median(times), worst: Math.max(...times) };
  });
}
