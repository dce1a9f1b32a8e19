import {
  DeadLetterLookout,
  type HandlerRunner,
  HeldHandler,
  type RegisteredHandler,
} from '../../consuming/index.js';
import type { FeatureMessages } from '../../contracts/index.js';
import type { Findings } from '../discovery/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import {
  type AnyPlan,
  HandlerPlanner,
  type HandlerPlans,
  type HeldPlan,
  OptionsResolver,
  type PlanningOptions,
  type Providers,
} from '../planning/index.js';
import type { HandlerBuilder } from './handler-builder.js';
import { KnownPlans } from './known-plans.js';
import type { ScheduleGroups } from './schedule-groups.js';

/** Handlers that belong together, with what watches for their dead letters. */
export interface CreatedHandlers {
  readonly plans: HandlerPlans;
  readonly handlers: readonly RegisteredHandler[];
  readonly lookout: DeadLetterLookout;
}

/** Plans and creates the handlers of an application: at startup, when a module is loaded, or when one is bound. */
export class HandlerStarter {
  private readonly known = new KnownPlans();
  private readonly lookouts = new Set<DeadLetterLookout>();

  constructor(
    private readonly builder: HandlerBuilder,
    private readonly schedules: ScheduleGroups,
    private readonly providers: Providers,
    private readonly connections: () => ReadonlyMap<string, HandlerConnection>,
  ) {}

  /** @throws {@link HandlerConfigurationError} with all mistakes at once */
  plan(
    findings: Findings,
    features: readonly FeatureMessages[] = [],
    { all }: Pick<PlanningOptions, 'all'> = {},
  ): Promise<HandlerPlans> {
    const connections = this.connections();
    const options = new OptionsResolver(this.providers, connections);
    return new HandlerPlanner(connections, options, { all, beside: this.known }).plan(findings, features);
  }

  /**
   * Creates handlers, and what they need on the server except their consumers. They are not started.
   *
   * @throws {@link HandlerConfigurationError} if the dead-letter stream cannot be created, or a schedule belongs to another
   * application
   */
  async create(plans: HandlerPlans): Promise<CreatedHandlers> {
    const lookout = new DeadLetterLookout();
    this.known.add(plans);
    this.lookouts.add(lookout);
    try {
      const schedulers = await this.schedules.open(plans);
      const built = await this.builder.build(plans, this.connections(), schedulers);
      await lookout.start(plans.consumers);
      return { plans, handlers: [...built, ...plans.held.map((held) => this.held(held))], lookout };
    } catch (error) {
      await this.discard({ plans, lookout }, 0);
      throw error;
    }
  }

  /** Forgets handlers that do not run any more. */
  async discard({ plans, lookout }: Omit<CreatedHandlers, 'handlers'>, timeout: number): Promise<void> {
    this.known.remove(plans);
    this.lookouts.delete(lookout);
    for (const { handler, connection } of plans.consumers) connection.localHandlers.remove(handler);
    await this.schedules.discard(plans.consumers);
    await lookout.stop(timeout);
  }

  /** @param timeout how long to wait for messages in flight, in milliseconds */
  async stopLookouts(timeout: number): Promise<void> {
    await Promise.all([...this.lookouts].map((lookout) => lookout.stop(timeout)));
  }

  private held(held: HeldPlan): RegisteredHandler {
    const { state, connection, plan } = held;
    const { jetstream, shutdown } = connection;
    const runner = new HeldHandler(state, jetstream.connection, () => this.release(held));
    return { runner, jetstream, shutdown, schedule: scheduleOf(plan) };
  }

  /** Plans a handler again, now with its server, and creates it. */
  private async release({ plan, findings }: HeldPlan): Promise<HandlerRunner> {
    this.known.take(plan);
    try {
      const { handlers } = await this.create(await this.plan(findings, [], { all: true }));
      return handlers[0].runner;
    } catch (error) {
      this.known.put(plan);
      throw error;
    }
  }
}

function scheduleOf(plan: AnyPlan): string | undefined {
  return 'methods' in plan ? plan.schedule?.schedule.text : undefined;
}
