import { FORM_NAMES, FORMS, type Form } from '../model/forms.js';
import type { History } from '../model/history.js';
import { NumberSet } from '../model/number-set.js';
import type { Violation } from './violation.js';

/** How many lost messages are reported one by one. */
const SHOWN = 5;

/**
 * No acknowledged publish is missing: its handler has ended, or its consumer still has to deliver it. For forms whose consumers
 * are not shared, one process is enough, because processes are killed in a run.
 */
export function checkDelivery(history: History): Violation[] {
  const { stored, ended } = progressOf(history);
  const waiting = new Set(
    history
      .notesOf('consumer')
      .filter(({ pending, unacknowledged }) => pending + unacknowledged > 0)
      .map(({ form }) => form),
  );
  return FORM_NAMES.flatMap((form): Violation[] => {
    const missing = missingOf(stored[form], ended[form]);
    if (missing.length === 0) return [];
    if (waiting.has(form)) {
      return [
        {
          promise: 'recovery',
          text: `${form}: ${missing.length} messages are stored, and not handled when the run ended`,
          about: { form, ids: missing.slice(0, SHOWN) },
        },
      ];
    }
    return missing.slice(0, SHOWN).map((id) => ({
      promise: 'nothing is lost',
      text: `${form}: message ${id} was acknowledged by its stream, and no handler has ended it (${missing.length} in total)`,
      about: { form, ids: [id] },
    }));
  });
}

/** How many acknowledged publishes were not handled. */
export function lostOf(history: History): number {
  const { stored, ended } = progressOf(history);
  return FORM_NAMES.reduce((sum, form) => sum + missingOf(stored[form], ended[form]).length, 0);
}

/** How many messages were handled more than once, of consumers that are shared. */
export function duplicatesOf(history: History): number {
  const once = setsOfForms();
  let duplicates = 0;
  for (const { kind, form, id } of history.messages()) {
    if (kind !== 'ended' || !FORMS[form].isShared) continue;
    if (once[form].has(id)) duplicates++;
    else once[form].add(id);
  }
  return duplicates;
}

function progressOf(history: History): Record<'stored' | 'ended', Record<Form, NumberSet>> {
  const stored = setsOfForms();
  const ended = setsOfForms();
  const effects = new NumberSet();
  const { streamSince } = history;
  for (const { kind, form, id, at } of history.messages()) {
    if (kind === 'stored' && at > streamSince) stored[form].add(id);
    else if (kind === 'ended') {
      ended[form].add(id);
      if (form === 'idempotent') effects.add(id >> 1);
    }
  }
  // The second message of a key needs no handler.
  for (const id of stored.idempotent) if (effects.has(id >> 1)) ended.idempotent.add(id);
  return { stored, ended };
}

function missingOf(stored: NumberSet, ended: NumberSet): number[] {
  return [...stored].filter((id) => !ended.has(id));
}

function setsOfForms(): Record<Form, NumberSet> {
  return Object.fromEntries(FORM_NAMES.map((form) => [form, new NumberSet()])) as Record<Form, NumberSet>;
}
