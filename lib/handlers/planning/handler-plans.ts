import type {
  EventDefinition,
  KvWatchDefinition,
  ObjectWatchDefinition,
  SubscribeDefinition,
} from '../discovery/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import type { ConsumerPlan } from './consumer-plan.js';

/** A handler with its connection. */
export interface Planned<Definition> {
  readonly definition: Definition;
  /** The class and method. */
  readonly handler: string;
  readonly connection: HandlerConnection;
}

export type KvWatchPlan = Planned<KvWatchDefinition>;
export type ObjectWatchPlan = Planned<ObjectWatchDefinition>;
export type SubscribePlan = Planned<SubscribeDefinition>;

/** The plans of all handlers to start. */
export interface HandlerPlans {
  readonly consumers: readonly ConsumerPlan[];
  readonly kvWatches: readonly KvWatchPlan[];
  readonly objectWatches: readonly ObjectWatchPlan[];
  readonly subscriptions: readonly SubscribePlan[];
  readonly events: readonly EventDefinition[];
}
