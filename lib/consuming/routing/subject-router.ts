import { subjectCovers } from '../../jetstream/index.js';

/** A pattern and its target. */
export interface SubjectRoute<Target> {
  readonly pattern: string;
  readonly target: Target;
}

interface Node<Target> {
  readonly tokens: Map<string, Node<Target>>;
  /** The node for `*`. */
  any: Node<Target> | undefined;
  /** The targets of patterns that end here. */
  readonly exact: Target[];
  /** The targets of patterns that end here with `>`. */
  readonly rest: Target[];
}

/** The number of subjects whose result a router caches. */
const REMEMBERED = 1_024;

/** Finds the targets of the patterns that match a subject. */
export class SubjectRouter<Target, Found> {
  private readonly root: Node<Target> = emptyNode();
  private readonly known = new Map<string, Found>();

  constructor(
    routes: Iterable<SubjectRoute<Target>>,
    /**
     * Combines the targets of all matching patterns. The most specific pattern comes first: a literal token takes
     * precedence over `*`, and `*` over `>`. Targets of the same pattern keep their order.
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
      // The number of subjects is not bounded.
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

/** The patterns without those that other patterns cover, for use as consumer filters. */
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
