import {
  type CleanScope,
  type CompiledHandler,
  ConsumerHandler,
  HandlerConfigurationError,
  type HandlerRunner,
  type JetStreamEvents,
  type RegisteredHandler,
} from '../../consuming/index.js';
import type { HandlerObserver, JetStreamInstruments } from '../../instruments/index.js';
import { errorText } from '../../reporting/index.js';
import type { Scheduler } from '../../schedules/index.js';
import { type Acknowledgement, Acknowledgements } from '../acknowledging/index.js';
import type { HandlerCompiler } from '../compile/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import { HandlerWrapper } from '../handler-wrapper.js';
import type { ConsumerPlan, HandlerPlans, SubscribePlan } from '../planning/index.js';
import { MessageRunnerFactory, type WrapHandler } from '../running/index.js';
import { coreMessageSource, SubscriptionHandler } from '../subscribing/index.js';
import {
  kvEntrySource,
  kvWatchSource,
  objectEntrySource,
  objectWatchSource,
  WatchHandler,
  type WatchSource,
} from '../watching/index.js';

/** The services that all handlers of an application share. */
export interface BuilderParts {
  readonly compiler: HandlerCompiler;
  readonly events: JetStreamEvents;
  readonly instruments: JetStreamInstruments;
  readonly scope: CleanScope;
}

/** Creates handlers from their plans, without starting them. */
export class HandlerBuilder {
  private readonly acks = new Acknowledgements();

  constructor(private readonly parts: BuilderParts) {}

  /**
   * Creates the buckets in which handlers store their keys, and the handlers.
   *
   * @throws {@link HandlerConfigurationError} if a settlement cannot be created
   */
  async build(
    plans: Pick<HandlerPlans, 'consumers' | 'kvWatches' | 'objectWatches' | 'subscriptions'>,
    connections: ReadonlyMap<string, HandlerConnection>,
    schedulers: ReadonlyMap<ConsumerPlan, Scheduler>,
  ): Promise<RegisteredHandler[]> {
    const { compiler } = this.parts;
    const wrapper = await HandlerWrapper.create(plans.consumers, connections, schedulers);
    const consumers = await Promise.all(
      plans.consumers.map((plan) => this.consumer(plan, wrapper, schedulers.get(plan))),
    );
    return [
      ...consumers,
      ...plans.kvWatches.map((plan) => {
        const handler = compiler.compile(plan.definition, kvEntrySource);
        const { keys } = plan.definition.metadata.options;
        return registered(this.watch(kvWatchSource(plan), handler, keys), plan.connection);
      }),
      ...plans.objectWatches.map((plan) => {
        const handler = compiler.compile(plan.definition, objectEntrySource);
        return registered(this.watch(objectWatchSource(plan), handler), plan.connection);
      }),
      ...plans.subscriptions.map((plan) => ({
        ...registered(this.subscription(plan), plan.connection),
        concurrency: plan.definition.metadata.options.concurrency ?? 1,
      })),
    ];
  }

  private async consumer(
    plan: ConsumerPlan,
    wrapper: HandlerWrapper,
    scheduler: Scheduler | undefined,
  ): Promise<RegisteredHandler> {
    const { compiler, events, instruments, scope } = this.parts;
    const wrap: WrapHandler = (next, method, policy) => wrapper.wrap(next, method, policy);
    const factory = new MessageRunnerFactory(compiler, await this.ackOf(plan), wrap, scope, instruments);
    const runner = new ConsumerHandler(
      plan,
      (consumer, onCircuit, stopped) => {
        // The consumers of all handlers that start at the same time exist now, so no run is published before.
        scheduler?.start();
        return factory.create(plan, consumer, onCircuit, stopped);
      },
      events,
    );
    return {
      ...registered(runner, plan.connection),
      concurrency: plan.running.concurrency,
      schedule: plan.schedule?.schedule.text,
    };
  }

  private async ackOf({ handler, methods, options }: ConsumerPlan): Promise<Acknowledgement> {
    try {
      return await this.acks.of(methods[0].method, options.settlement);
    } catch (error) {
      const problem = `its settlement cannot be created: ${errorText(error)}`;
      throw new HandlerConfigurationError([{ handler, problem }]);
    }
  }

  private watch<Entry extends object>(
    source: WatchSource<Entry>,
    compiled: CompiledHandler<Entry>,
    keys: string | readonly string[] = [],
  ): WatchHandler<Entry> {
    const { events, instruments, scope } = this.parts;
    const observer = instruments.handler({
      handler: source.handler,
      form: source.kind,
      connection: source.connection.name,
      source: source.bucket,
      patterns: [keys].flat(),
      ignoreDeletes: source.ignoreDeletes,
    });
    return new WatchHandler(source, compiled, events, scope, observer);
  }

  private subscription(plan: SubscribePlan): SubscriptionHandler {
    const { compiler, events, scope } = this.parts;
    const compiled = compiler.compile(plan.definition, coreMessageSource(plan));
    const observer = this.subscriptionObserver(plan);
    const handler = observer?.around(compiled, (message) => [message]) ?? compiled;
    return new SubscriptionHandler(plan, handler, events, scope, observer);
  }

  private subscriptionObserver({
    handler,
    connection,
    definition,
  }: SubscribePlan): HandlerObserver | undefined {
    const { subject, options } = definition.metadata;
    const about = {
      handler,
      connection: connection.name,
      source: subject,
      patterns: [subject],
      group: options.queue,
    };
    return this.parts.instruments.handler({ ...about, form: 'subscription' });
  }
}

function registered(runner: HandlerRunner, { jetstream, shutdown }: HandlerConnection): RegisteredHandler {
  return { runner, jetstream, shutdown };
}
