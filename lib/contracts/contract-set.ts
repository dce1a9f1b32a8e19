import type { MessageContract } from './message-contract.js';

/** The contracts of one handler. It finds the contract of a message by its subject. */
export class ContractSet {
  /** The most specific contract comes first. */
  private readonly sorted: readonly MessageContract[];

  constructor(readonly contracts: readonly MessageContract[]) {
    this.sorted = contracts.toSorted((a, b) => compareFilters(a.filter, b.filter));
  }

  /** The contract of a message; if several match, the most specific one. `undefined` if none matches. */
  find(subject: string): MessageContract | undefined {
    return this.sorted.find((contract) => contract.matches(subject));
  }

  /** The subjects of all contracts, for errors. */
  get text(): string {
    return this.contracts.map(({ template }) => `"${template}"`).join(', ');
  }
}

/**
 * Orders filters as handlers of a class are: tokens are compared from the first on, and a literal token takes
 * precedence over `*`, and `*` over `>`.
 */
function compareFilters(a: string, b: string): number {
  const left = a.split('.');
  const right = b.split('.');
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = rankOf(left[i]) - rankOf(right[i]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function rankOf(token: string): number {
  return token === '>' ? 2 : token === '*' ? 1 : 0;
}
