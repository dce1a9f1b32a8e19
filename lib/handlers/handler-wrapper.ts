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
import type { Scheduler } from '../schedules/index.js';
import type { HandlerConnection } from './handler-connection.js';
import { type ConsumerPlan, type PlannedMethod, readPublishTargets } from './planning/index.js';
import { codecsOf, messageSource } from './running/index.js';

/**
 * Wraps a compiled handler according to its decorators and options, inside settlement: the innermost wrapper publishes
 * results, and the next one runs the handler once per key, so that a key is completed only when the results are
 * published. The outermost one decides which runs of a schedule take place.
 */
export class HandlerWrapper {
  private readonly plans: ReadonlyMap<PlannedMethod, ConsumerPlan>;

  private constructor(
    plans: readonly ConsumerPlan[],
    private readonly claims: ReadonlyMap<ConsumerPlan, ClaimBucket>,
    private readonly connections: ReadonlyMap<string, HandlerConnection>,
    private readonly schedulers: ReadonlyMap<ConsumerPlan, Scheduler>,
  ) {
    this.plans = new Map(plans.flatMap((plan) => plan.methods.map((method) => [method, plan])));
  }

  /** Creates the missing buckets in which handlers store their keys. */
  static async create(
    plans: readonly ConsumerPlan[],
    connections: ReadonlyMap<string, HandlerConnection>,
    schedulers: ReadonlyMap<ConsumerPlan, Scheduler>,
  ): Promise<HandlerWrapper> {
    return new HandlerWrapper(plans, await provisionClaims(plans), connections, schedulers);
  }

  wrap(
    next: CompiledHandler<JetStreamMessage>,
    method: PlannedMethod,
    policy: SettlementPolicy,
  ): CompiledHandler<JetStreamMessage> {
    const plan = this.plans.get(method);
    if (plan === undefined) return next;
    const once = this.idempotent(this.forwarding(next, method, policy, plan), method, policy, plan);
    const scheduler = this.schedulers.get(plan);
    return plan.schedule && scheduler ? scheduler.gateOf(plan.schedule).around(once) : once;
  }

  private forwarding(
    next: CompiledHandler<JetStreamMessage>,
    { method }: PlannedMethod,
    policy: SettlementPolicy,
    { connection, running }: ConsumerPlan,
  ): CompiledHandler<JetStreamMessage> {
    const targets = readPublishTargets(method.callback).targets.map((target) => {
      const { connection: name } = target.options;
      const to = this.connections.get(name ?? connection.name) ?? connection;
      return new ResultTarget(target, to.jetstream, target.contract && to.publisherOf(target.contract));
    });
    if (targets.length === 0) return next;
    void warnOfShortWindows(targets, policy, running.ackWait);
    return publishResults(next, targets);
  }

  private idempotent(
    next: CompiledHandler<JetStreamMessage>,
    { method, schema }: PlannedMethod,
    policy: SettlementPolicy,
    plan: ConsumerPlan,
  ): CompiledHandler<JetStreamMessage> {
    const { options, running } = plan;
    const bucket = this.claims.get(plan);
    if (!options.idempotent || !bucket) return next;
    const source = messageSource(codecsOf(plan), policy, schema);
    return runOnce(
      next,
      {
        keyOf: plan.schedule
          ? (message) => plan.schedule?.reader.keyOf(message) ?? ''
          : messageKey(options.idempotent, (message) => source.payload(message)),
        lease: options.idempotent.lease ?? running.ackWait,
        route: method.patterns.length > 0 ? method.method : undefined,
      },
      bucket,
      policy,
    );
  }
}
