import type {
  EventDefinition,
  KvWatchDefinition,
  ObjectWatchDefinition,
  SubscribeDefinition,
} from '../discovery/index.js';
import type { HeldState } from '../../consuming/index.js';
import type { Findings } from '../discovery/index.js';
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

/** The plan of any handler with a consumer, watch or subscription. */
export type AnyPlan = ConsumerPlan | Planned<KvWatchDefinition | ObjectWatchDefinition | SubscribeDefinition>;

/** A handler that the application does not start by itself. It is planned without its server. */
export interface HeldPlan {
  readonly state: HeldState;
  /** Its connection, with the server. */
  readonly connection: HandlerConnection;
  readonly plan: AnyPlan;
  /** The handler alone, to plan it again when it is started. */
  readonly findings: Findings;
}

/** The plans of all handlers to start. */
export interface HandlerPlans {
  readonly consumers: readonly ConsumerPlan[];
  readonly kvWatches: readonly KvWatchPlan[];
  readonly objectWatches: readonly ObjectWatchPlan[];
  readonly subscriptions: readonly SubscribePlan[];
  readonly events: readonly EventDefinition[];
  /** The handlers that are not started; the lists above do not contain them. */
  readonly held: readonly HeldPlan[];
}
