import { BootTimeoutError, JetStreamError } from '../errors/index.js';
import { errorText } from '../reporting/index.js';

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

/**
 * Throws what stopped handlers from being started, if anything did.
 *
 * @param outcomes of each handler
 * @param names of the handlers
 * @throws {@link HandlerConfigurationError} with the mistakes of all of them
 * @throws {@link BootTimeoutError} if the time was over: no handler is wrong then, and all say the same
 */
export function throwProblems(
  outcomes: readonly PromiseSettledResult<unknown>[],
  names: readonly string[],
): void {
  const problems = outcomes.flatMap((outcome, i) => {
    if (outcome.status === 'fulfilled') return [];
    const reason: unknown = outcome.reason;
    if (reason instanceof BootTimeoutError) throw reason;
    return [{ handler: names[i] ?? '', problem: errorText(reason) }];
  });
  if (problems.length > 0) throw new HandlerConfigurationError(problems);
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
