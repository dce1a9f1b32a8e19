import type { DeadLetterSelection } from '../../../../lib/board/model/index.js';
import type { FilterField } from '../../parts/filters.js';
import { inputOfIso, isoOfInput } from '../../text/format.js';

type Values = Readonly<Record<string, string>>;

const NAMES = ['stream', 'consumer', 'handler', 'reason', 'subject', 'since', 'until'] as const;

/** The fields of the filter of dead letters. */
export const SELECTION_FIELDS: readonly FilterField[] = [
  { name: 'stream', label: 'Stream' },
  { name: 'consumer', label: 'Consumer' },
  { name: 'handler', label: 'Handler' },
  { name: 'reason', label: 'Reason' },
  { name: 'subject', label: 'Subject or filter', placeholder: 'orders.>' },
  { name: 'since', label: 'Since', isTime: true },
  { name: 'until', label: 'Until', isTime: true },
];

/** The selection in the parameters of an address. */
export function selectionOf(query: Values): DeadLetterSelection {
  return Object.fromEntries(
    NAMES.flatMap((name) => (query[name] === undefined || query[name] === '' ? [] : [[name, query[name]]])),
  );
}

/** The values of the fields. */
export function valuesOf(selection: DeadLetterSelection): Values {
  const { since, until, ...others } = selection;
  return { ...others, since: inputOfIso(since), until: inputOfIso(until) };
}

/** The parameters of the address for the values of the fields. */
export function queryOf({ since = '', until = '', ...others }: Values): Record<string, string | undefined> {
  return { ...others, since: isoOfInput(since), until: isoOfInput(until) };
}

/** A selection in words. */
export function selectionText(selection: DeadLetterSelection): string {
  const given = NAMES.flatMap((name) =>
    selection[name] === undefined ? [] : [`${name} ${selection[name]}`],
  );
  return given.length === 0 ? 'all dead letters' : `dead letters with ${given.join(', ')}`;
}
