interface Node<T> {
  readonly tokens: Map<string, Node<T>>;
  /** Below `*`. */
  any: Node<T> | undefined;
  /** What a pattern that ends here leads to. */
  value: T | undefined;
  /** What `>` here leads to. */
  rest: T | undefined;
}

/** Finds what belongs to the most specific of the patterns that match a subject: a token beats `*`, and `*` beats `>`. */
export class SubjectRouter<T extends object> {
  private readonly root: Node<T> = emptyNode();

  /** @returns false where the same pattern was added before */
  add(pattern: string, value: T): boolean {
    let node = this.root;
    for (const token of pattern.split('.')) {
      if (token === '>') {
        if (node.rest !== undefined) return false;
        node.rest = value;
        return true;
      }
      if (token === '*') node = node.any ??= emptyNode();
      else {
        let next = node.tokens.get(token);
        if (next === undefined) node.tokens.set(token, (next = emptyNode()));
        node = next;
      }
    }
    if (node.value !== undefined) return false;
    node.value = value;
    return true;
  }

  match(subject: string): T | undefined {
    return find(this.root, subject.split('.'), 0);
  }
}

function find<T>(node: Node<T>, tokens: readonly string[], at: number): T | undefined {
  if (at === tokens.length) return node.value;
  const exact = node.tokens.get(tokens[at]);
  return (exact && find(exact, tokens, at + 1)) ?? (node.any && find(node.any, tokens, at + 1)) ?? node.rest;
}

function emptyNode<T>(): Node<T> {
  return { tokens: new Map(), any: undefined, value: undefined, rest: undefined };
}
