/**
 * A cron expression in the form that both engines read in the same way: each field is `*`, or a list of numbers. The
 * server and croner agree on these; they differ in many other forms.
 */
export type CronPattern = string;

/** The pattern of an expression, or what is wrong with it. */
export type CronReading = { readonly pattern: CronPattern } | { readonly problem: string };

interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** The names of its values, from the first one on. */
  readonly names: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const FIELDS: readonly Field[] = [
  { name: 'second', from: 0, to: 59, names: [] },
  { name: 'minute', from: 0, to: 59, names: [] },
  { name: 'hour', from: 0, to: 23, names: [] },
  { name: 'day of the month', from: 1, to: 31, names: [] },
  { name: 'month', from: 1, to: 12, names: MONTHS },
  { name: 'day of the week', from: 0, to: 6, names: WEEKDAYS },
];

const SHORTHANDS: Readonly<Record<string, CronPattern>> = {
  '@yearly': '0 0 0 1 1 *',
  '@annually': '0 0 0 1 1 *',
  '@monthly': '0 0 0 1 * *',
  '@weekly': '0 0 0 * * 0',
  '@daily': '0 0 0 * * *',
  '@midnight': '0 0 0 * * *',
  '@hourly': '0 0 * * * *',
};

/** The longest expression: a list of all values in each field. */
const LONGEST = 600;

/** Reads a cron expression of six fields, or a shorthand such as `@hourly`. */
export function readCron(expression: string): CronReading {
  if (expression.length > LONGEST) return { problem: `it is longer than ${LONGEST} characters` };
  if (expression.startsWith('@')) {
    const pattern = Object.hasOwn(SHORTHANDS, expression) ? SHORTHANDS[expression] : undefined;
    if (pattern !== undefined) return { pattern };
    return { problem: `it is not one of ${Object.keys(SHORTHANDS).join(', ')}` };
  }
  const texts = expression.trim().split(/\s+/);
  if (texts.length === 5) {
    return {
      problem: 'it has 5 fields, and 6 are needed: put the seconds first, such as "0" for the full minute',
    };
  }
  if (texts.length !== FIELDS.length) {
    return {
      problem: `it has ${texts.length} fields, and 6 are needed: second, minute, hour, day, month, weekday`,
    };
  }
  const fields: string[] = [];
  for (const [place, field] of FIELDS.entries()) {
    const values = valuesOf(texts[place] ?? '', field);
    if (typeof values === 'string') return { problem: `its ${field.name} "${texts[place] ?? ''}" ${values}` };
    fields.push(values === ALL ? '*' : [...values].toSorted((a, b) => a - b).join(','));
  }
  return { pattern: fields.join(' ') };
}

/** The value of `*`, which both engines treat differently from a list of all values in the two fields for days. */
const ALL: ReadonlySet<number> = new Set();

/** The values of a field, or what is wrong with it. */
function valuesOf(text: string, field: Field): ReadonlySet<number> | string {
  const items = text.split(',');
  const values = new Set<number>();
  for (const item of items) {
    const read = itemValues(item, field);
    if (typeof read === 'string') return read;
    if (read === ALL) return items.length === 1 ? ALL : 'combines "*", which means every value, with others';
    for (const value of read) values.add(value);
  }
  return values;
}

/** Forms of other cron programs: no particular value, the last day, the nearest weekday, the nth weekday. */
const FOREIGN = /[?#]|^(?:L|LW|L-\d+|\d+[LW])$/i;
const ITEM = /^(?:(\*)|([\da-z]+)(?:-([\da-z]+))?)(?:\/(\d{1,2}))?$/i;

function itemValues(item: string, field: Field): ReadonlySet<number> | string {
  if (FOREIGN.test(item)) {
    return 'uses "?", "L", "W" or "#", which the server does not know: list the values';
  }
  const [, star, first, last, step] = ITEM.exec(item) ?? [];
  if (star === undefined && first === undefined) {
    return 'is not a value, a range such as "1-5", a step such as "*/15", or a list of them';
  }
  const stride = step === undefined ? 1 : Number(step);
  if (star !== undefined && stride === 1) return ALL;
  const from = star === undefined ? valueOf(first ?? '', field) : field.from;
  // A single value with a step means all values from it on.
  const single = step === undefined ? from : field.to;
  const to = last === undefined ? (star === undefined ? single : field.to) : valueOf(last, field);
  if (typeof from === 'string') return from;
  if (typeof to === 'string') return to;
  if (from > to) return `is a range that ends before it begins: use a list, as in "${from},${to}"`;
  if (stride < 1 || stride > field.to - field.from) {
    return `has the step ${stride}, and it must be from 1 to ${field.to - field.from}`;
  }
  const values = new Set<number>();
  for (let value = from; value <= to; value += stride) values.add(value);
  return values;
}

/** The number of a value, or what is wrong with it. */
function valueOf(text: string, { from, to, names }: Field): number | string {
  const named = names.indexOf(text.toLowerCase());
  if (named !== -1) return from + named;
  if (!/^\d{1,2}$/.test(text)) {
    const wanted = names.length > 0 ? `a number or one of ${names.join(', ')}` : 'a number';
    return `contains "${text}", which is not ${wanted}`;
  }
  const value = Number(text);
  if (value >= from && value <= to) return value;
  const sunday = names === WEEKDAYS && value === 7 ? ': Sunday is 0' : '';
  return `contains ${value}, which is not from ${from} to ${to}${sunday}`;
}
