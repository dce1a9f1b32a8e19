import { InvalidArgumentError } from '../errors/index.js';

/**
 * The names that an options object may have. `true` stands for any value; a further table is for an object, or a list of
 * objects, whose own names are checked too.
 */
export interface KnownOptions {
  readonly [option: string]: true | KnownOptions;
}

/**
 * The complete table of an options type, for `satisfies`: it does not compile while a name of the type is missing or a
 * name does not exist. Of a union all names of all members are allowed.
 */
export type AllOptionsOf<Options> = Readonly<Record<KeysOf<Options>, true | KnownOptions>>;

/** Shorter beginnings say too little. */
const SHORTEST_BEGINNING = 4;

type KeysOf<Options> = Options extends unknown ? Extract<keyof Options, string> : never;

/**
 * Finds options that do not exist: TypeScript reports a misspelled name only in a literal, and JavaScript never does.
 *
 * @returns a sentence for each, with the nearest name that exists
 */
export function unknownOptions(options: unknown, known: KnownOptions, path = ''): string[] {
  if (Array.isArray(options)) {
    return options.flatMap((item, i) => unknownOptions(item, known, `${path}[${i}]`));
  }
  if (typeof options !== 'object' || options === null) return [];
  return Object.entries(options).flatMap(([name, value]) => {
    const place = path === '' ? name : `${path}.${name}`;
    const nested = Object.hasOwn(known, name) ? known[name] : undefined;
    if (nested === undefined) return value === undefined ? [] : [unknown(place, name, Object.keys(known))];
    return nested === true ? [] : unknownOptions(value, nested, place);
  });
}

/**
 * Refuses options that do not exist.
 *
 * @param whose whose options they are, such as `JetStreamModule.forRoot`
 * @throws {@link InvalidArgumentError}
 */
export function refuseUnknownOptions(whose: string, options: unknown, known: KnownOptions): void {
  const problems = unknownOptions(options, known);
  if (problems.length > 0) throw new InvalidArgumentError(`options of ${whose}`, problems.join('; '));
}

function unknown(place: string, name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  const advice = nearest === undefined ? `the options are ${known.join(', ')}` : `did you mean "${nearest}"?`;
  return `there is no option "${place}"; ${advice}`;
}

/** The known name that needs the fewest changes, if that is less than half of it, or that begins with the name. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let fewest = Infinity;
  const wanted = name.toLowerCase();
  for (const candidate of known) {
    const other = candidate.toLowerCase();
    const begins =
      name.length >= SHORTEST_BEGINNING && (other.startsWith(wanted) || wanted.startsWith(other));
    const changes = begins ? 1 : distance(wanted, other);
    if (changes < fewest && changes < Math.max(wanted.length, other.length) / 2) {
      fewest = changes;
      nearest = candidate;
    }
  }
  return nearest;
}

/** How many characters must be added, removed, replaced or swapped with their neighbor to make one text of another. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let changes = Math.min(row[j - 1] + 1, rows[i - 1][j] + 1, rows[i - 1][j - 1] + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) changes = Math.min(changes, rows[i - 2][j - 2] + 1);
      row.push(changes);
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}
