import type { OptionProblem } from './option-problem.js';

/** Checks the value of one option and returns nothing, one mistake, or several. Never throws. */
export interface OptionRule {
  (value: unknown, option: string): readonly OptionProblem[];
  /** Whether the option is required: the rule is then also called for `undefined`. */
  readonly required?: true;
}

/**
 * How an option is checked: by a rule, the options of a nested object, or a list. `true` accepts any value, which is
 * then checked where it is used, like the options of calls.
 */
export type KnownOption = true | OptionRule | ListOf | MapOf | KnownOptions;

/** The options that an object may have. Each needs a rule, so that no option can be added without validation. */
export interface KnownOptions {
  readonly [option: string]: KnownOption;
}

/** A list whose items are option objects, or are checked by a rule. */
export class ListOf {
  constructor(
    readonly items: OptionRule | KnownOptions,
    /** The expected value, such as `a list of codecs`. */
    readonly wanted: string,
  ) {}
}

/** An object with names chosen by the caller, each with its own options. */
export class MapOf {
  constructor(readonly values: KnownOptions) {}
}

/**
 * The complete table of an options type, for `satisfies`: it does not compile if a name of the type is missing or a
 * name does not exist. For a union, the names of all members are allowed.
 */
export type AllOptionsOf<Options> = Readonly<Record<KeysOf<Options>, KnownOption>>;

/** Shorter beginnings are not significant. */
const SHORTEST_BEGINNING = 4;

type KeysOf<Options> = Options extends unknown ? Extract<keyof Options, string> : never;

/** Describes an unknown option, with the nearest known one. */
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

/**
 * The number of characters that must be added, removed, replaced or swapped with their neighbor to convert one text to
 * the other.
 */
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
