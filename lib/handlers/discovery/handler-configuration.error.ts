import { JetStreamError } from '../../errors/index.js';

/** One mistake in the configuration of a handler. */
export interface ConfigurationProblem {
  /** Class and method, such as `Billing.onCreated`. */
  readonly handler: string;
  /** What is wrong, and what to do. */
  readonly problem: string;
}

/** How many handlers the text names that have the same mistake. */
const MOST_NAMES = 5;
/** How many different mistakes the text lists. */
const MOST_MISTAKES = 50;

/**
 * The handlers cannot start as they are configured. Stops the boot, and lists all mistakes at once: handlers with the same
 * mistake together. The text is bounded; `problems` has everything.
 */
export class HandlerConfigurationError extends JetStreamError {
  /** All mistakes, one by one. */
  declare readonly problems: readonly ConfigurationProblem[];

  constructor(problems: readonly ConfigurationProblem[]) {
    super(describe(problems));
    // Not enumerable: loggers print it with the error, and the text says the same.
    Object.defineProperty(this, 'problems', { value: problems });
  }
}

function describe(problems: readonly ConfigurationProblem[]): string {
  const handlers = new Map<string, Set<string>>();
  for (const { handler, problem } of problems) {
    const same = handlers.get(problem) ?? new Set();
    handlers.set(problem, same.add(handler));
  }
  // What most handlers share comes first: it may be the cause of the rest.
  const groups = [...handlers].toSorted(([, a], [, b]) => b.size - a.size);
  const lines = groups.map(([problem, same]) => `  - ${nameSome([...same])}: ${problem}`);
  if (lines.length > MOST_MISTAKES) {
    const left = lines.splice(MOST_MISTAKES).length;
    lines.push(`  - and ${left} other mistakes: see the property problems of this error`);
  }
  const count = `${problems.length} mistake${problems.length === 1 ? '' : 's'}`;
  return `${count} in the configuration of handlers:\n${lines.join('\n')}`;
}

function nameSome(handlers: readonly string[]): string {
  if (handlers.length <= MOST_NAMES) return handlers.join(', ');
  return `${handlers.slice(0, MOST_NAMES).join(', ')} and ${handlers.length - MOST_NAMES} other handlers`;
}
