import {
  type ClaimBucket,
  type CompiledHandler,
  messageKey,
  provisionClaims,
  publishResults,
  ResultTarget,
  runOnce,
  type SettlementPolicy,
  warnOfShortWindows,
} from '../consuming/index.js';
import type { JetStreamMessage } from '../jetstream/index.js';
import type { HandlerConnection } from './handler-connection.js';
import { type ConsumerPlan, type PlannedMethod, readPublishTargets } from './planning/index.js';
import { codecsOf, messageSource } from './running/index.js';

/**
 * Puts around a compiled handler what its decorators and options ask for, inside settlement: what publishes its results,
 * and around that what runs it once a key, so that a key is done only when its results are published.
 */
export class HandlerWrapper {
  private readonly plans: ReadonlyMap<PlannedMethod, ConsumerPlan>;

  private constructor(
    plans: readonly ConsumerPlan[],
    private readonly claims: ReadonlyMap<ConsumerPlan, ClaimBucket>,
    private readonly connections: ReadonlyMap<string, HandlerConnection>,
  ) {
    this.plans = new Map(plans.flatMap((plan) => plan.methods.map((method) => [method, plan])));
  }

  /** Makes the buckets that handlers remember their keys in, where they are missing. */
  static async create(
    plans: readonly ConsumerPlan[],
    connections: ReadonlyMap<string, HandlerConnection>,
  ): Promise<HandlerWrapper> {
    return new HandlerWrapper(plans, await provisionClaims(plans), connections);
  }

  wrap(
    next: CompiledHandler<JetStreamMessage>,
    method: PlannedMethod,
    policy: SettlementPolicy,
  ): CompiledHandler<JetStreamMessage> {
    const plan = this.plans.get(method);
    return plan ? this.idempotent(this.forwarding(next, method, policy, plan), method, policy, plan) : next;
  }

  private forwarding(
    next: CompiledHandler<JetStreamMessage>,
    { method }: PlannedMethod,
    policy: SettlementPolicy,
    { connection, running }: ConsumerPlan,
  ): CompiledHandler<JetStreamMessage> {
    const targets = readPublishTargets(method.callback).targets.map((target) => {
      const { connection: name } = target.options;
      const other = name === undefined ? undefined : this.connections.get(name);
      return new ResultTarget(target, (other ?? connection).jetstream);
    });
    if (targets.length === 0) return next;
    void warnOfShortWindows(targets, policy, running.ackWait);
    return publishResults(next, targets);
  }

  private idempotent(
    next: CompiledHandler<JetStreamMessage>,
    { method }: PlannedMethod,
    policy: SettlementPolicy,
    plan: ConsumerPlan,
  ): CompiledHandler<JetStreamMessage> {
    const { options, running } = plan;
    const bucket = this.claims.get(plan);
    if (!options.idempotent || !bucket) return next;
    const source = messageSource(codecsOf(plan), policy, options.schema);
    return runOnce(
      next,
      {
        keyOf: messageKey(options.idempotent, (message) => source.payload(message)),
        lease: options.idempotent.lease ?? running.ackWait,
        route: method.patterns.length > 0 ? method.method : undefined,
      },
      bucket,
      policy,
    );
  }
}
