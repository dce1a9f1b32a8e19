import { JetStreamError } from '../../errors/index.js';

/** One mistake in the configuration of a handler. */
export interface ConfigurationProblem {
  /** Class and method, such as `Billing.onCreated`. */
  readonly handler: string;
  /** What is wrong, and what to do. */
  readonly problem: string;
}

/** The handlers cannot start as they are configured. Stops the boot, and lists all mistakes at once. */
export class HandlerConfigurationError extends JetStreamError {
  constructor(readonly problems: readonly ConfigurationProblem[]) {
    const list = problems.map(({ handler, problem }) => `  - ${handler}: ${problem}`).join('\n');
    super(
      `${problems.length} mistake${problems.length === 1 ? '' : 's'} in the configuration of handlers:\n${list}`,
    );
  }
}
