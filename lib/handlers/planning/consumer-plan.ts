import {
  type ConsumerSource,
  type DeadLetterFilter,
  type JsConsumerOptions,
  planRunning,
  type RunningPlan,
  type SettlementPolicy,
} from '../../consuming/index.js';
import { handlerName } from '../compile/index.js';
import type { ConsumerDefinition, RoutedMethod } from '../discovery/index.js';
import type { HandlerConnection } from '../handler-connection.js';

/** A method to call for messages, with the rules that they are settled by once the consumer's name is known. */
export interface PlannedMethod {
  readonly method: RoutedMethod;
  readonly policy: Omit<SettlementPolicy, 'consumer'>;
}

/** A consumer handler with everything decided: what to make on the server, and how to run it. */
export interface ConsumerPlan extends ConsumerSource, RunningPlan {
  readonly connection: HandlerConnection;
  readonly methods: readonly [PlannedMethod, ...PlannedMethod[]];
  /** For a handler of dead letters: which ones. */
  readonly deadLetters: DeadLetterFilter | undefined;
}

/** Decides everything about a handler whose options are right and complete. */
export function planConsumer(
  definition: ConsumerDefinition,
  connection: HandlerConnection,
  options: JsConsumerOptions,
): ConsumerPlan {
  const plan = planRunning(definition.name, connection, options);
  const [first, ...rest] = definition.methods.map((method): PlannedMethod => ({
    method,
    policy: { handler: handlerName(method), ...plan.policy },
  }));
  return { ...plan, connection, methods: [first, ...rest], deadLetters: definition.deadLetters };
}
