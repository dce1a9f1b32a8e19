import {
  type ConsumerSource,
  type DeadLetterFilter,
  type JsConsumerOptions,
  planRunning,
  type RunningPlan,
  schemasOf,
  type SchemaSource,
  type SettlementPolicy,
} from '../../consuming/index.js';
import { handlerName } from '../compile/index.js';
import type { ScheduledMethod } from '../../schedules/index.js';
import type { ConsumerDefinition, RoutedMethod } from '../discovery/index.js';
import type { HandlerConnection } from '../handler-connection.js';

/** A method to call for messages, with the settlement rules that apply once the name of the consumer is known. */
export interface PlannedMethod {
  readonly method: RoutedMethod;
  readonly policy: Omit<SettlementPolicy, 'consumer'>;
  /** The schemas of its payloads. */
  readonly schema: SchemaSource;
}

/** The complete plan of a consumer handler: the consumer to create on the server, and how to run the handler. */
export interface ConsumerPlan extends ConsumerSource, RunningPlan {
  readonly connection: HandlerConnection;
  readonly methods: readonly [PlannedMethod, ...PlannedMethod[]];
  /** The dead letters to receive, for a handler of dead letters. */
  readonly deadLetters: DeadLetterFilter | undefined;
  /** The schedule, for a handler of its runs. */
  readonly schedule?: ScheduledMethod | undefined;
}

/** Creates the plan of a handler whose options are valid and complete. */
export function planConsumer(
  definition: ConsumerDefinition,
  connection: HandlerConnection,
  options: JsConsumerOptions,
  schedule?: ScheduledMethod,
): ConsumerPlan {
  const plan = planRunning(definition.name, connection, options);
  const [first, ...rest] = definition.methods.map((method): PlannedMethod => ({
    method,
    policy: { handler: handlerName(method), ...plan.policy },
    schema: method.contracts.length > 0 ? schemasOf(method.contracts) : options.schema,
  }));
  return { ...plan, connection, methods: [first, ...rest], deadLetters: definition.deadLetters, schedule };
}
