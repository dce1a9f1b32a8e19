import { subjectCovers } from '../../jetstream/index.js';

/** What belongs to a pattern. */
export interface SubjectRoute<Target> {
  readonly pattern: string;
  readonly target: Target;
}

interface Node<Target> {
  readonly tokens: Map<string, Node<Target>>;
  /** Below `*`. */
  any: Node<Target> | undefined;
  /** What patterns that end here lead to. */
  readonly exact: Target[];
  /** What `>` here leads to. */
  readonly rest: Target[];
}

/** How many subjects a router remembers the outcome of. */
const REMEMBERED = 1_024;

/** Finds what belongs to the patterns that match a subject. */
export class SubjectRouter<Target, Found> {
  private readonly root: Node<Target> = emptyNode();
  private readonly known = new Map<string, Found>();

  constructor(
    routes: Iterable<SubjectRoute<Target>>,
    /**
     * Makes what is found of the targets of all patterns that match: the most specific first, where a token beats `*`, and `*`
     * beats `>`; those of one pattern in the order in which they were given.
     */
    private readonly combine: (matching: readonly Target[]) => Found,
  ) {
    for (const route of routes) this.add(route);
  }

  find(subject: string): Found {
    let found = this.known.get(subject);
    if (found === undefined) {
      const matching: Target[] = [];
      collect(this.root, subject.split('.'), 0, matching);
      found = this.combine(matching);
      // Subjects may be without number.
      if (this.known.size === REMEMBERED) this.known.clear();
      this.known.set(subject, found);
    }
    return found;
  }

  private add({ pattern, target }: SubjectRoute<Target>): void {
    let node = this.root;
    for (const token of pattern.split('.')) {
      if (token === '>') return void node.rest.push(target);
      if (token === '*') node = node.any ??= emptyNode();
      else {
        let next = node.tokens.get(token);
        if (next === undefined) node.tokens.set(token, (next = emptyNode()));
        node = next;
      }
    }
    node.exact.push(target);
  }
}

/** The patterns without those that others cover: what a consumer can filter by. */
export function widestPatterns(patterns: Iterable<string>): string[] {
  const all = [...new Set(patterns)];
  return all.filter((pattern) => !all.some((other) => other !== pattern && subjectCovers(other, pattern)));
}

function collect<Target>(
  node: Node<Target>,
  tokens: readonly string[],
  at: number,
  matching: Target[],
): void {
  if (at === tokens.length) return void matching.push(...node.exact);
  const next = node.tokens.get(tokens[at]);
  if (next) collect(next, tokens, at + 1, matching);
  if (node.any) collect(node.any, tokens, at + 1, matching);
  matching.push(...node.rest);
}

function emptyNode<Target>(): Node<Target> {
  return { tokens: new Map(), any: undefined, exact: [], rest: [] };
}
