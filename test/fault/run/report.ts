import { duplicatesOf, lostOf, recoveriesOf, unfinishedOf, type Violation } from '../checkers/index.js';
import { FORM_NAMES } from '../model/forms.js';
import type { History } from '../model/history.js';
import { KINDS } from '../model/records.js';

/** How many events of a violation are shown. */
const SHOWN = 40;

/** The figures of one run for the table. */
export interface Row {
  readonly fault: string;
  readonly times: number;
  readonly messages: number;
  readonly lost: number;
  readonly unfinished: number;
  readonly duplicates: number;
  /** In milliseconds. */
  readonly median: number;
  readonly worst: number;
}

export function rowOf(fault: string, history: History): Row {
  const recoveries = recoveriesOf(history);
  let messages = 0;
  for (const { kind } of history.messages()) if (kind === 'stored') messages++;
  return {
    fault,
    times: recoveries.times.length,
    messages,
    lost: lostOf(history),
    unfinished: unfinishedOf(history).length,
    duplicates: duplicatesOf(history),
    median: recoveries.median,
    worst: recoveries.worst,
  };
}

/** A Markdown table. */
export function tableOf(rows: readonly Row[]): string {
  const number = (value: number): string => value.toLocaleString('en');
  const lines = rows.map(({ fault, times, messages, lost, unfinished, duplicates, median, worst }) =>
    [
      fault,
      ...[times, messages, lost, unfinished, duplicates].map(number),
      `${number(Math.round(median))} ms`,
      `${number(Math.round(worst))} ms`,
    ].join(' | '),
  );
  return [
    '| fault | times | messages | lost | acknowledged unfinished | duplicates seen | recovery, median | recovery, worst |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...lines.map((line) => `| ${line} |`),
  ].join('\n');
}

/** A violation with the shortest history that shows it: the events of its message, key or lock, and the faults meanwhile. */
export function explain({ promise, text, about }: Violation, history: History): string {
  const events = about === undefined ? [] : eventsOf(about, history).toSorted((a, b) => a.at - b.at);
  const first = events.at(0)?.at ?? 0;
  const last = events.at(-1)?.at ?? 0;
  const faults = history
    .notesOf('fault')
    .filter(({ began, recovered }) => events.length > 0 && began <= last && recovered >= first)
    .flatMap(({ name, began, healed, recovered }) => [
      { at: began, line: `fault ${name} begins` },
      { at: healed, line: `fault ${name} ends` },
      { at: recovered, line: `every handler works again` },
    ]);
  const lines = [...events, ...faults]
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, line }) => `  ${(at - first).toFixed(1).padStart(10)} ms  ${line}`);
  const omitted = lines.length - SHOWN;
  const shown =
    omitted > 0 ? [...lines.slice(0, SHOWN / 2), `  … ${omitted} more`, ...lines.slice(-SHOWN / 2)] : lines;
  return [`${promise}: ${text}`, ...shown].join('\n');
}

interface Line {
  readonly at: number;
  readonly line: string;
}

function eventsOf(about: NonNullable<Violation['about']>, history: History): Line[] {
  if ('key' in about) {
    return history
      .notesOf('key')
      .filter(({ key }) => key === about.key)
      .flatMap(({ process, operation, invoked, returned, outcome, value, revision, expected }) => {
        const what = `process ${process}: ${operation}${expected === undefined ? '' : ` at ${expected}`}`;
        const result = outcome === 'done' ? `${value} at revision ${revision}` : outcome;
        return [{ at: invoked, line: `${what} → ${result}, in ${(returned - invoked).toFixed(1)} ms` }];
      });
  }
  if ('resource' in about) {
    const acts = history
      .notesOf('act')
      .filter(({ resource, fence }) => resource === about.resource && about.fences.includes(fence));
    return acts.map(({ at, process, fence }) => ({
      at,
      line: `process ${process} acts with fence ${fence}`,
    }));
  }
  return messageEvents(about, history);
}

/** Acknowledgements have no id, so they are found by the sequences of the other events. */
function messageEvents(
  about: { readonly form: string; readonly ids: readonly number[] },
  history: History,
): Line[] {
  const ids = new Set(about.ids);
  const sequences = new Set<number>();
  for (const { form, id, sequence, kind } of history.messages()) {
    if (form === about.form && ids.has(id) && kind !== 'acknowledged' && sequence > 0)
      sequences.add(sequence);
  }
  const lines: Line[] = [];
  for (const { form, id, sequence, kind, process, delivery, at, until } of history.messages()) {
    if (form !== about.form || !(kind === 'acknowledged' ? sequences.has(sequence) : ids.has(id))) continue;
    const message = kind === 'acknowledged' ? '' : `message ${id}, `;
    const place = sequence > 0 ? `sequence ${sequence}` : 'no sequence';
    const more =
      KINDS.indexOf(kind) < 3 ? `published ${(until - at).toFixed(1)} ms before` : `delivery ${delivery}`;
    lines.push({
      at: KINDS.indexOf(kind) < 3 ? until : at,
      line: `process ${process}: ${FORM_NAMES.find((name) => name === form)} ${kind}: ${message}${place}, ${more}`,
    });
  }
  return lines;
}
