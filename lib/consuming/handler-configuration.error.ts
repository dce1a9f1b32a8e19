import { BootTimeoutError, ConnectionFailedError, JetStreamError } from '../errors/index.js';
import { counted, errorText, isInstance } from '../reporting/index.js';

/** One mistake in the configuration of a handler. */
export interface ConfigurationProblem {
  /** The class and method, such as `Billing.onCreated`. */
  readonly handler: string;
  /** What is wrong, and how to correct it. */
  readonly problem: string;
}

/** The maximum number of handlers that the text names for one mistake. */
const MOST_NAMES = 5;
/** The maximum number of different mistakes that the text lists. */
const MOST_MISTAKES = 50;

/**
 * The configuration of handlers is invalid, so the startup fails. The error lists all mistakes at once and groups
 * handlers with the same mistake. The length of the text is limited; `problems` contains everything.
 *
 * @remarks Correct every mistake that `problems` lists; docs/troubleshooting.md explains the frequent ones.
 */
export class HandlerConfigurationError extends JetStreamError {
  /** All mistakes, one by one. */
  declare readonly problems: readonly ConfigurationProblem[];

  constructor(problems: readonly ConfigurationProblem[]) {
    super(describe(problems));
    // Not enumerable, because loggers would print it in addition to the text, which has the same content.
    Object.defineProperty(this, 'problems', { value: problems });
  }
}

/**
 * Throws an error if handlers could not be started.
 *
 * @param outcomes of each handler
 * @param names of the handlers
 * @throws {@link HandlerConfigurationError} with the mistakes of all of them
 * @throws {@link ConnectionFailedError} if a connection with `connect: 'lazy'` could not be opened, and nothing else failed
 * @throws {@link BootTimeoutError} if the time limit was reached; the handlers are then not at fault, and all report
 * the same error
 */
export function throwProblems(
  outcomes: readonly PromiseSettledResult<unknown>[],
  names: readonly string[],
): void {
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  const [unconnected] = refused.filter(({ reason }) => isInstance<Error>(reason, ConnectionFailedError));
  if (
    unconnected !== undefined &&
    refused.every(({ reason }) => isInstance<Error>(reason, ConnectionFailedError))
  )
    throw unconnected.reason;
  const problems = outcomes.flatMap((outcome, i) => {
    if (outcome.status === 'fulfilled') return [];
    const reason: unknown = outcome.reason;
    if (reason instanceof BootTimeoutError) throw reason;
    if (reason instanceof HandlerConfigurationError) return reason.problems;
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
  // The most common mistake comes first, because it may be the cause of the others.
  const groups = [...handlers].toSorted(([, a], [, b]) => b.size - a.size);
  const lines = groups.map(([problem, same]) => `  - ${nameSome([...same])}: ${problem}`);
  if (lines.length > MOST_MISTAKES) {
    const left = lines.splice(MOST_MISTAKES).length;
    lines.push(`  - and ${left} other mistakes: see the property problems of this error`);
  }
  return `${counted(problems.length, 'mistake')} in the configuration of handlers:\n${lines.join('\n')}`;
}

function nameSome(handlers: readonly string[]): string {
  if (handlers.length <= MOST_NAMES) return handlers.join(', ');
  return `${handlers.slice(0, MOST_NAMES).join(', ')} and ${handlers.length - MOST_NAMES} other handlers`;
}
