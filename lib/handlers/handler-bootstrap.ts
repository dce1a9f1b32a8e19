import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DiscoveryService, ExternalContextCreator, ModulesContainer } from '@nestjs/core';
import { HandlerCompiler } from './compile/index.js';
import { HandlerConfigurationError, HandlerExplorer } from './discovery/index.js';
import { HandlerConnection } from './handler-connection.js';
import { HandlerPlanner, type ConsumerPlan, type HandlerPlans, type KvWatchPlan } from './planning/index.js';
import { ConsumerHandler, KvWatchHandler, messageSource, type HandlerRunner } from './running/index.js';
import { AckInterceptor, DeadLetterPublisher } from './settlement/index.js';

/** Finds, checks and starts the handlers of an application, and stops them again. */
@Injectable()
export class HandlerBootstrap implements OnApplicationBootstrap, OnModuleDestroy {
  private runners: readonly HandlerRunner[] = [];
  private shutdownTimeout = 0;

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ExternalContextCreator) private readonly external: ExternalContextCreator,
    @Inject(ModulesContainer) modules: ModulesContainer,
  ) {
    startLastAndStopFirst(modules);
  }

  async onApplicationBootstrap(): Promise<void> {
    const connections = this.connections();
    try {
      const findings = new HandlerExplorer(this.discovery).explore();
      const plans = await new HandlerPlanner(connections).plan(findings);
      this.shutdownTimeout = Math.max(0, ...[...connections.values()].map((each) => each.shutdownTimeout));
      await this.start(plans);
    } catch (error) {
      // A boot that fails must not keep the process alive through open connections.
      await Promise.allSettled(this.runners.map((runner) => runner.stop(0)));
      await Promise.allSettled([...connections.values()].map((each) => each.jetstream.connection.drain()));
      throw error;
    }
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.runners.map((runner) => runner.stop(this.shutdownTimeout)));
  }

  private connections(): ReadonlyMap<string, HandlerConnection> {
    const instances = this.discovery.getProviders().map((wrapper): unknown => wrapper.instance);
    const connections = instances.filter((instance) => instance instanceof HandlerConnection);
    return new Map(connections.map((connection) => [connection.name, connection]));
  }

  private async start({ consumers, watches }: HandlerPlans): Promise<void> {
    const compiler = new HandlerCompiler(this.external);
    const acks = await this.ackInterceptors(consumers);
    this.runners = [
      ...consumers.map((plan) => this.consumer(plan, compiler, acks)),
      ...watches.map((plan) => this.watch(plan, compiler)),
    ];
    const started = await Promise.allSettled(this.runners.map((runner) => runner.start()));
    const problems = started.flatMap((outcome, i) => {
      if (outcome.status === 'fulfilled') return [];
      const { reason } = outcome as { readonly reason: unknown };
      return [
        {
          handler: this.runners[i].handler,
          problem: reason instanceof Error ? reason.message : String(reason),
        },
      ];
    });
    if (problems.length > 0) throw new HandlerConfigurationError(problems);
  }

  private consumer(
    plan: ConsumerPlan,
    compiler: HandlerCompiler,
    acks: ReadonlyMap<HandlerConnection, AckInterceptor>,
  ): HandlerRunner {
    const { definition, connection } = plan;
    const ack = acks.get(connection) ?? new AckInterceptor(new DeadLetterPublisher(connection.jetstream));
    return new ConsumerHandler(
      plan,
      (policy) => compiler.compile(definition, messageSource(connection.codec, policy)),
      ack,
    );
  }

  private watch(plan: KvWatchPlan, compiler: HandlerCompiler): HandlerRunner {
    return new KvWatchHandler(plan, compiler);
  }

  /** One a connection; its dead-letter stream is made where some handler wants it. */
  private async ackInterceptors(
    plans: readonly ConsumerPlan[],
  ): Promise<Map<HandlerConnection, AckInterceptor>> {
    const acks = new Map<HandlerConnection, AckInterceptor>();
    for (const connection of new Set(plans.map((plan) => plan.connection))) {
      const deadLetters = new DeadLetterPublisher(connection.jetstream);
      const wanted = plans.some((plan) => plan.connection === connection && plan.policy.deadLetter);
      if (wanted) await deadLetters.provision(connection.provisioning);
      acks.set(connection, new AckInterceptor(deadLetters));
    }
    return acks;
  }
}

/**
 * Nest runs life-cycle hooks in the order of the modules' distances, and in reverse when it shuts down. Handlers use
 * what all other modules provide: they start when everything else has started, and stop before anything else does.
 */
function startLastAndStopFirst(modules: ModulesContainer): void {
  for (const module of modules.values()) {
    if (module.hasProvider(HandlerBootstrap)) module.distance = -1;
  }
}
