import type { AnyPlan, ConsumerPlan, HandlerPlans, SubscribePlan } from '../planning/index.js';

/** The plans of all handlers of an application, with which new ones must not share consumers or queue groups. */
export class KnownPlans {
  private readonly consumerPlans = new Set<ConsumerPlan>();
  private readonly subscribePlans = new Set<SubscribePlan>();

  get consumers(): readonly ConsumerPlan[] {
    return [...this.consumerPlans];
  }

  get subscriptions(): readonly SubscribePlan[] {
    return [...this.subscribePlans];
  }

  add({ consumers, subscriptions, held }: HandlerPlans): void {
    for (const plan of [...consumers, ...subscriptions]) this.put(plan);
    for (const { plan } of held) this.put(plan);
  }

  put(plan: AnyPlan): void {
    if ('methods' in plan) this.consumerPlans.add(plan);
    else if (isSubscription(plan)) this.subscribePlans.add(plan);
  }

  remove({ consumers, subscriptions, held }: HandlerPlans): void {
    for (const plan of [...consumers, ...subscriptions]) this.take(plan);
    for (const { plan } of held) this.take(plan);
  }

  take(plan: AnyPlan): void {
    if ('methods' in plan) this.consumerPlans.delete(plan);
    else if (isSubscription(plan)) this.subscribePlans.delete(plan);
  }
}

function isSubscription(plan: Exclude<AnyPlan, ConsumerPlan>): plan is SubscribePlan {
  return plan.definition.metadata.kind === 'subscribe';
}
