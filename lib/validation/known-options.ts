import type { OptionProblem } from './option-problem.js';

/** Says what is wrong with the value of one option: nothing, one mistake, or several. Never throws. */
export interface OptionRule {
  (value: unknown, option: string): readonly OptionProblem[];
  /** Whether the option must be given: the rule is then asked about `undefined` too. */
  readonly required?: true;
}

/**
 * What an option must be: a rule, the options of an object within, or a list. `true` stands for any value, which is then
 * checked where it is used, as the options of calls are.
 */
export type KnownOption = true | OptionRule | ListOf | MapOf | KnownOptions;

/** The options that an object may have, so that no option can be added without saying what it must be. */
export interface KnownOptions {
  readonly [option: string]: KnownOption;
}

/** A list whose items are options of their own, or are checked by a rule. */
export class ListOf {
  constructor(
    readonly items: OptionRule | KnownOptions,
    /** What the option must be, such as `a list of codecs`. */
    readonly wanted: string,
  ) {}
}

/** An object whose names are the caller's, each with options of its own. */
export class MapOf {
  constructor(readonly values: KnownOptions) {}
}

/**
 * The complete table of an options type, for `satisfies`: it does not compile while a name of the type is missing or a
 * name does not exist. Of a union all names of all members are allowed.
 */
export type AllOptionsOf<Options> = Readonly<Record<KeysOf<Options>, KnownOption>>;

/** Shorter beginnings say too little. */
const SHORTEST_BEGINNING = 4;

type KeysOf<Options> = Options extends unknown ? Extract<keyof Options, string> : never;

/** What is wrong with an option that does not exist, with the nearest one that does. */
export function unknownOption(place: string, name: string, known: readonly string[]): string {
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
