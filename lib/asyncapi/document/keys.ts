/**
 * The keys of one map of the document. They consist of letters, digits, `.`, `_` and `-`, which all tools accept and
 * which need no escaping in references.
 */
export class Keys {
  private readonly taken = new Set<string>();

  /** Reserves a key; a number is added to one that is taken. */
  reserve(preferred: string): string {
    const key = keyOf(preferred);
    for (let number = 1; ; number++) {
      const candidate = number === 1 ? key : `${key}-${number}`;
      if (this.taken.has(candidate)) continue;
      this.taken.add(candidate);
      return candidate;
    }
  }
}

/** A text as a key: `Sales/Billing#2.onPaid` becomes `Sales.Billing-2.onPaid`. */
export function keyOf(text: string): string {
  const key = text
    .replaceAll('/', '.')
    .replaceAll('#', '-')
    .replaceAll(/[^\w.-]+/g, '_');
  // Tools do not expect names of properties that every object has, such as `constructor`.
  return key === '' || key in {} ? `${key}_` : key;
}

/** Compares texts by their code units, so that the order does not depend on the language of the machine. */
export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
