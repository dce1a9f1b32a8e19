import { type Form, FORMS } from '../model/forms.js';
import type { History } from '../model/history.js';
import { NumberSet } from '../model/number-set.js';
import { placeOf, type Violation } from './violation.js';

/** How many violations of one kind are reported. */
const SHOWN = 5;

/**
 * Publishes are stored once: each acknowledged one has a sequence of its own, and a message with an id has only one place in the
 * stream, regardless of how often it was sent.
 */
export function checkPublishes(history: History): Violation[] {
  const violations: Violation[] = [];
  const report = (form: Form, ids: number[], text: string): void => {
    violations.push({ promise: 'stored once', text: `${form}: ${text}`, about: { form, ids } });
  };
  const { streamSince } = history;
  const isSameStream = streamSince === -Infinity;
  const sequences = new NumberSet();
  const placesOf = new Map<Form, Map<number, number>>();
  for (const { kind, form, id, sequence, at, until } of history.messages()) {
    if (kind === 'stored' && at > streamSince) {
      if (sequences.has(sequence))
        report(form, [id], `message ${id} got sequence ${sequence}, as another message did`);
      sequences.add(sequence);
    } else if (kind === 'ended' && FORMS[form].hasId && isSameStream) {
      const place = placeOf(sequence, until);
      const places = placesOf.get(form) ?? new Map<number, number>();
      placesOf.set(form, places);
      const known = places.get(id) ?? place;
      if (known !== place) report(form, [id], `message ${id} is stored twice, also as sequence ${sequence}`);
      places.set(id, known);
    }
  }
  return violations.slice(0, SHOWN);
}
