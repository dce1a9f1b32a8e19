import type { NotStarted } from '../../consuming/index.js';
import {
  type ConsumerDefinition,
  Findings,
  type KvWatchDefinition,
  type ObjectWatchDefinition,
  type SubscribeDefinition,
} from '../discovery/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import type { ConsumerPlan } from './consumer-plan.js';
import type { HeldPlan, Planned } from './handler-plans.js';

/** A consumer handler that is not started with the application. */
export function heldConsumer(
  plan: ConsumerPlan,
  notStarted: NotStarted,
  connection: HandlerConnection,
  definition: ConsumerDefinition,
): HeldPlan {
  const findings = new Findings();
  findings.consumers.push(definition);
  const { handler, stream, delivery } = plan;
  const state = {
    handler,
    kind: 'consumer',
    source: stream,
    delivery: delivery.mode,
    notStarted,
  } as const;
  return { state, connection, plan, findings };
}

type EntryDefinition = KvWatchDefinition | ObjectWatchDefinition | SubscribeDefinition;

/**
 * A watch or subscription that is not started with the application.
 *
 * @param definition as it was found, with the factory of its options
 */
export function heldOther(
  plan: Planned<EntryDefinition>,
  notStarted: NotStarted,
  connection: HandlerConnection,
  definition: EntryDefinition,
): HeldPlan {
  const findings = new Findings();
  if (isKvWatch(definition)) findings.kvWatches.push(definition);
  else if (isObjectWatch(definition)) findings.objectWatches.push(definition);
  else findings.subscriptions.push(definition);
  const { metadata } = plan.definition;
  const { handler } = plan;
  const state =
    metadata.kind === 'subscribe'
      ? ({ handler, kind: 'subscription', source: metadata.subject, notStarted } as const)
      : { handler, kind: metadata.kind, source: metadata.bucket, notStarted };
  return { state, connection, plan, findings };
}

function isKvWatch(definition: EntryDefinition): definition is KvWatchDefinition {
  return definition.metadata.kind === 'kv-watch';
}

function isObjectWatch(definition: EntryDefinition): definition is ObjectWatchDefinition {
  return definition.metadata.kind === 'object-watch';
}
