import type { MessageContract } from '../../contracts/index.js';
import { shown } from '../../reporting/index.js';
import type { PublishToMetadata } from './publish-to-options.interface.js';
import { checkTemplate } from './subject-template.js';

/** The other options of a handler that are needed here. */
interface HandlerOptions {
  readonly batch?: unknown;
  readonly ordered?: unknown;
}

/**
 * Checks the publish targets of a handler.
 *
 * @param filters the filters of its messages; empty if they are unknown
 * @param connections the names of all connections
 */
export function checkTargets(
  targets: readonly PublishToMetadata[],
  filters: readonly string[],
  connections: readonly string[],
  { batch, ordered }: HandlerOptions,
): readonly string[] {
  if (targets.length > 0 && (batch ?? ordered) !== undefined) {
    return [
      `@PublishTo needs single, acknowledged messages and cannot be combined with ${batch ? 'batch' : 'ordered'}`,
    ];
  }
  return targets.flatMap(({ subject, contract, paramsOf, options }) => {
    const problems: string[] = [];
    if (contract !== undefined) problems.push(...checkContract(contract, paramsOf));
    else if (typeof subject === 'string') problems.push(...checkTemplate(subject, filters));
    else if (typeof subject !== 'function') {
      problems.push(`the argument of @PublishTo must be a subject or a function; it is ${shown(subject)}`);
    }
    const { connection } = options;
    if (connection !== undefined && !connections.includes(connection)) {
      const known = connections.map((name) => `"${name}"`).join(', ');
      problems.push(
        `@PublishTo: there is no connection "${connection}": JetStreamModule.forRoot was called for ${known}`,
      );
    }
    return problems;
  });
}

function checkContract(contract: MessageContract, paramsOf: unknown): readonly string[] {
  const { name, template, filter, core } = contract;
  const problems: string[] = [];
  if (core) {
    problems.push(
      `@PublishTo: the message "${name}" is one of core NATS (core: true), and results are published to a stream`,
    );
  }
  const hasParams = template !== filter || filter.endsWith('>');
  if (hasParams && typeof paramsOf !== 'function') {
    problems.push(
      `@PublishTo: the subject "${template}" has parameters: pass a function of the result and the message that returns them`,
    );
  }
  return problems;
}
