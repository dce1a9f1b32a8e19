import { isDeepStrictEqual } from 'node:util';
import type { ConfigurationProblem } from '../../consuming/index.js';
import { subjectsOverlap } from '../../jetstream/index.js';
import type { InstanceWrapper } from '../compile/index.js';
import type { ConsumerPlan } from './consumer-plan.js';
import type { SubscribePlan } from './handler-plans.js';

/**
 * The server delivers each message of a queue group to one of its subscriptions, so handlers that share a group
 * compete.
 */
export function sharedQueues(plans: readonly SubscribePlan[]): readonly ConfigurationProblem[] {
  return plans.flatMap((plan, i) => {
    const { subject, options } = plan.definition.metadata;
    const rival = plans.slice(0, i).find(({ connection, definition: { metadata } }) => {
      const isShared = options.queue !== undefined && options.queue === metadata.options.queue;
      return (
        isShared && connection.name === plan.connection.name && subjectsOverlap(subject, metadata.subject)
      );
    });
    if (rival === undefined) return [];
    const problem =
      `shares the queue group "${options.queue}" with ${rival.handler}, and "${subject}" matches subjects of ` +
      `"${rival.definition.metadata.subject}": each message would reach only one of the two. Set another queue on one of them`;
    return [{ handler: plan.handler, problem }];
  });
}

/** Handlers with the same durable would take messages from each other. */
export function sharedDurables(plans: readonly ConsumerPlan[]): readonly ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = [];
  const first = new Map<string, ConsumerPlan>();
  for (const plan of plans) {
    const { durable } = plan.options;
    if (durable === undefined) continue;
    const key = `${plan.connection.name}\n${plan.stream}\n${durable}`;
    const other = first.get(key);
    if (!other) {
      first.set(key, plan);
      continue;
    }
    const [{ method }] = plan.methods;
    const [{ method: same }] = other.methods;
    if (method.target === same.target && method.wrapper !== same.wrapper) {
      problems.push({
        handler: plan.handler,
        problem: sameClass(method.wrapper, same.wrapper, other.handler),
      });
      continue;
    }
    const alike = isDeepStrictEqual(plan.delivery, other.delivery);
    problems.push({
      handler: plan.handler,
      problem:
        `shares the durable "${durable}" of stream "${plan.stream}" with ${other.handler}` +
        (alike ? '' : ', with different options') +
        ': each message would reach only one of the two; give each its own durable',
    });
  }
  return problems;
}

/** Two providers of one class, whose handlers have the same durable. */
function sameClass(wrapper: InstanceWrapper, same: InstanceWrapper, handler: string): string {
  const shared = 'so each message would reach only one of the two';
  if (wrapper.host !== same.host) {
    return (
      `is the same class as ${handler}, provided by two modules, ${shared}: provide the class in one module, and export ` +
      'it there'
    );
  }
  return (
    `is the same class as ${handler}, provided twice by ${wrapper.host?.name ?? 'one module'} (as ${tokenText(same)} and ` +
    `${tokenText(wrapper)}), ${shared}: provide it once, and define the other token with useExisting`
  );
}

function tokenText({ token }: InstanceWrapper): string {
  return typeof token === 'function' ? token.name : `"${String(token)}"`;
}
