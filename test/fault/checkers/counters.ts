import { grouped } from '../model/grouped.js';
import { FORM_NAMES, type Form } from '../model/forms.js';
import type { History } from '../model/history.js';
import type { Violation } from './violation.js';

/**
 * Counters add up: in each process that stopped gracefully, every delivery that began has ended, and metrics and instrument
 * agree; and the server has made at least the deliveries that were received. Deliveries may be lost in transit, so the numbers are
 * only equal in a run without faults. They are not compared if the consumer may have had another leader: it does not count the
 * deliveries of the leader before that it does not know.
 */
export function checkCounters(history: History): Violation[] {
  const violations: Violation[] = [];
  const report = (text: string): void => void violations.push({ promise: 'counters add up', text });
  for (const { process, form, started, ended, returned, measured } of history.notesOf('counts')) {
    const place = `${form}, process ${process}`;
    if (started !== ended) report(`${place}: ${started} deliveries began, and ${ended} ended`);
    if (measured !== ended + returned) {
      report(`${place}: the instrument saw ${ended + returned} deliveries end, and the metrics ${measured}`);
    }
  }
  const faults = history.notesOf('fault');
  if (faults.some(({ deletesConsumer, deletesStream }) => deletesConsumer || deletesStream))
    return violations;
  const begun = Object.fromEntries(FORM_NAMES.map((form) => [form, 0])) as Record<Form, number>;
  for (const { kind, form } of history.messages()) if (kind === 'begun' || kind === 'repeated') begun[form]++;
  const returned = grouped(history.notesOf('counts'), ({ form }) => form);
  for (const { form, delivered } of history.notesOf('consumer')) {
    const own = FORM_NAMES.find((name) => name === form);
    if (own === undefined || hasChangedLeader(history, form)) continue;
    // A delivery that was returned, or acknowledged without its handler, is only known to the instrument.
    const seen = begun[own] + (returned.get(form) ?? []).reduce((sum, each) => sum + each.returned, 0);
    if (seen > delivered)
      report(`${form}: ${seen} deliveries were received, and the server has made ${delivered}`);
    if (faults.length === 0 && own !== 'idempotent' && seen !== delivered) {
      report(
        `${form}: without a fault, ${seen} deliveries were received, and the server has made ${delivered}`,
      );
    }
  }
  return violations;
}

/** Whether a consumer has had another leader after its first one. */
function hasChangedLeader(history: History, consumer: string): boolean {
  const elections = history.notesOf('election').filter(({ asset }) => asset === `WORK/${consumer}`);
  return elections.length > 1 || history.notesOf('fault').some(({ separatesLeaders }) => separatesLeaders);
}

/** How much more memory the last third of a process's samples may have than the first, in bytes. */
const GROWTH = 24_000_000;
/** Processes with fewer samples are not checked: their memory has not settled. */
const FEWEST_SAMPLES = 12;

/** Nothing grows: memory is the same at the end of a process's life as at its beginning. */
export function checkMemory(history: History): Violation[] {
  return [...grouped(history.notesOf('memory'), ({ process }) => process)]
    .map(([process, samples]) => ({ process, samples, growth: growthOf(samples.map(({ heap }) => heap)) }))
    .filter(({ samples, growth }) => samples.length >= FEWEST_SAMPLES && growth > GROWTH)
    .map(({ process, growth }) => ({
      promise: 'nothing is left behind',
      text: `the memory of process ${process} grew by ${Math.round(growth / 1e6)} MB`,
    }));
}

/** How much more the last third of samples has than the first, by their medians. */
export function growthOf(samples: readonly number[]): number {
  const third = Math.ceil(samples.length / 3);
  return median(samples.slice(-third)) - median(samples.slice(0, third));
}

/** The middle of some numbers; 0 if there are none. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** The problems that processes have seen themselves. */
export function checkProblems(history: History): Violation[] {
  return history
    .notesOf('problem')
    .map(({ text, process }) => ({ promise: 'no problem', text: `process ${process}: ${text}` }));
}
