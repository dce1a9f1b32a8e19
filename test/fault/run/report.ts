import type { Violation } from '../checkers/index.js';
import { FORM_NAMES } from '../model/forms.js';
import type { History } from '../model/history.js';
import { KINDS } from '../model/records.js';

/** How many events of a violation are shown. */
const SHOWN = 40;

/** A violation with the shortest history that shows it: the events of its message, key or lock, and the faults meanwhile. */
export function explain({ promise, text, about }: Violation, history: History): string {
  const events = about === undefined ? [] : eventsOf(about, history).toSorted((a, b) => a.at - b.at);
  const start = events.at(0)?.at ?? 0;
  const last = events.at(-1)?.at ?? 0;
  const faults = history
    .notesOf('fault')
    .filter(({ began, recovered }) => events.length > 0 && began <= last && recovered >= start)
    .flatMap(({ name, began, healed, recovered }) => [
      { at: began, line: `fault ${name} begins` },
      { at: healed, line: `fault ${name} ends` },
      { at: recovered, line: `every handler works again` },
    ]);
  const lines = [...events, ...faults]
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, line }) => `  ${(at - start).toFixed(1).padStart(10)} ms  ${line}`);
  const omitted = lines.length - SHOWN;
  // A key or lock is correct until the last event; a message is not even at its first one.
  const first = about !== undefined && 'ids' in about ? SHOWN / 2 : 0;
  const shown =
    omitted > 0 ? [...lines.slice(0, first), `  … ${omitted} more`, ...lines.slice(first - SHOWN)] : lines;
  return [`${promise}: ${text}`, ...shown].join('\n');
}

interface Line {
  readonly at: number;
  readonly line: string;
}

function eventsOf(about: NonNullable<Violation['about']>, history: History): Line[] {
  if ('key' in about) {
    return history
      .keyOperations()
      .filter(({ key, invoked }) => key === about.key && invoked <= about.until)
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
