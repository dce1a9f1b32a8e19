import { subjectCovers } from '../../jetstream/index.js';
import { hasWildcard } from './subjects.js';

/** How many subjects a table remembers the outcome of. */
const REMEMBERED = 1_024;

/** Finds what belongs to the patterns that match a subject. */
export class PatternTable<Entry, Found> {
  private readonly entries: readonly { readonly pattern: string; readonly entry: Entry }[];
  private readonly known = new Map<string, Found>();

  constructor(
    entries: readonly Entry[],
    patternOf: (entry: Entry) => string,
    /** Makes what is found of all that match, the most specific first: a token beats `*`, and `*` beats `>`. */
    private readonly combine: (matching: readonly Entry[]) => Found,
  ) {
    this.entries = entries
      .map((entry) => ({ pattern: patternOf(entry), entry }))
      .sort((a, b) => compareSpecificity(a.pattern.split('.'), b.pattern.split('.')));
  }

  find(subject: string): Found {
    let found = this.known.get(subject);
    if (found === undefined) {
      const matching = this.entries.filter(({ pattern }) => subjectCovers(pattern, subject));
      found = this.combine(matching.map(({ entry }) => entry));
      // Subjects may be without number.
      if (this.known.size === REMEMBERED) this.known.clear();
      this.known.set(subject, found);
    }
    return found;
  }
}

/** The patterns without those that others cover: what a consumer can filter by. */
export function widestPatterns(patterns: Iterable<string>): string[] {
  const all = [...new Set(patterns)];
  if (!all.some(hasWildcard)) return all;
  return all.filter((pattern) => !all.some((other) => other !== pattern && subjectCovers(other, pattern)));
}

function compareSpecificity(left: readonly string[], right: readonly string[]): number {
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = rank(left[i]) - rank(right[i]);
    if (difference !== 0) return difference;
  }
  return right.length - left.length;
}

function rank(token: string): number {
  if (token === '>') return 2;
  return token === '*' ? 1 : 0;
}
