import { hasWildcard } from './subjects.js';

/** How many subjects a table remembers the outcome of. */
const REMEMBERED = 1_024;

/** Finds what belongs to the patterns that match a subject. */
export class PatternTable<Entry, Found> {
  private readonly entries: readonly { readonly tokens: readonly string[]; readonly entry: Entry }[];
  private readonly known = new Map<string, Found>();

  constructor(
    entries: readonly Entry[],
    patternOf: (entry: Entry) => string,
    /** Makes what is found of all that match, the most specific first: a token beats `*`, and `*` beats `>`. */
    private readonly combine: (matching: readonly Entry[]) => Found,
  ) {
    this.entries = entries
      .map((entry) => ({ tokens: patternOf(entry).split('.'), entry }))
      .sort((a, b) => compareSpecificity(a.tokens, b.tokens));
  }

  find(subject: string): Found {
    let found = this.known.get(subject);
    if (found === undefined) {
      const tokens = subject.split('.');
      const matching = this.entries.filter((each) => covers(each.tokens, tokens)).map(({ entry }) => entry);
      found = this.combine(matching);
      // Subjects may be without number.
      if (this.known.size === REMEMBERED) this.known.clear();
      this.known.set(subject, found);
    }
    return found;
  }
}

/** Whether every subject that the second pattern matches is matched by the first. */
export function patternCovers(pattern: string, other: string): boolean {
  return covers(pattern.split('.'), other.split('.'));
}

/** Whether some subject is matched by both. */
export function patternsOverlap(pattern: string, other: string): boolean {
  const left = pattern.split('.');
  const right = other.split('.');
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    if (left[i] === undefined || right[i] === undefined) return false;
    if (left[i] === '>' || right[i] === '>') return true;
    if (left[i] !== right[i] && left[i] !== '*' && right[i] !== '*') return false;
  }
  return true;
}

/** The patterns without those that others cover: what a consumer can filter by. */
export function widestPatterns(patterns: Iterable<string>): string[] {
  const all = [...new Set(patterns)];
  if (!all.some(hasWildcard)) return all;
  return all.filter((pattern) => !all.some((other) => other !== pattern && patternCovers(other, pattern)));
}

function covers(tokens: readonly string[], others: readonly string[]): boolean {
  for (let i = 0; i < tokens.length; i++) {
    if (others[i] === undefined) return false;
    if (tokens[i] === '>') return true;
    if (others[i] === '>' || (tokens[i] !== '*' && tokens[i] !== others[i])) return false;
  }
  return tokens.length === others.length;
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
