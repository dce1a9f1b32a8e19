import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import {
  DiscoveryService,
  ExternalContextCreator,
  LazyModuleLoader,
  ModuleRef,
  ModulesContainer,
} from '@nestjs/core';
import { watchPermissions } from '../connection/index.js';
import {
  ApplicationShutdown,
  CleanScope,
  type CompiledHandler,
  ConsumerHandler,
  DeadLetterLookout,
  HandlerConfigurationError,
  type HandlerRunner,
  Handlers,
  type HandlerSource,
  type JetStreamEvent,
  JetStreamEvents,
  type RegisteredHandler,
  throwProblems,
} from '../consuming/index.js';
import { FeatureMessages } from '../contracts/index.js';
import { type HandlerObserver, JetStreamInstruments } from '../instruments/index.js';
import { checkNestInternals, onLazyModule } from '../nest/index.js';
import { counted, errorText } from '../reporting/index.js';
import { type Acknowledgement, Acknowledgements } from './acknowledging/index.js';
import { HandlerCompiler, handlerName } from './compile/index.js';
import { type EventDefinition, HandlerExplorer } from './discovery/index.js';
import { EventContext } from './contexts/index.js';
import type { HandlerConnection } from './handler-connection.js';
import { JetStreamConnections } from './jetstream-connections.js';
import { HandlerWrapper } from './handler-wrapper.js';
import {
  type ConsumerPlan,
  HandlerPlanner,
  type HandlerPlans,
  OptionsResolver,
  type SubscribePlan,
} from './planning/index.js';
import { MessageRunnerFactory, type WrapHandler } from './running/index.js';
import { coreMessageSource, SubscriptionHandler } from './subscribing/index.js';
import {
  kvEntrySource,
  kvWatchSource,
  objectEntrySource,
  objectWatchSource,
  WatchHandler,
  type WatchSource,
} from './watching/index.js';

/** How long each part of a failed startup may take to end, in milliseconds. */
const GIVE_UP_WITHIN = 1_000;

/** Finds, checks and starts the handlers of an application. */
@Injectable()
export class HandlerBootstrap implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(HandlerBootstrap.name);
  private readonly compiler: HandlerCompiler;
  private readonly acks = new Acknowledgements();
  private readonly deadLetters = new DeadLetterLookout();

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ExternalContextCreator) private readonly external: ExternalContextCreator,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(Handlers) private readonly handlers: Handlers,
    @Inject(JetStreamEvents) private readonly events: JetStreamEvents,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(JetStreamInstruments) private readonly instruments: JetStreamInstruments,
    @Inject(JetStreamConnections) private readonly services: JetStreamConnections,
  ) {
    this.compiler = new HandlerCompiler(external);
    startLastAndStopFirst(modules);
  }

  async onApplicationBootstrap(): Promise<void> {
    const connections = this.connections();
    this.instruments.seal();
    try {
      checkNestInternals(this.external, this.moduleRef, this.modules);
      const explorer = new HandlerExplorer(this.discovery);
      const findings = explorer.explore();
      this.watchLazyModules(explorer);
      const options = new OptionsResolver(this.moduleRef, connections);
      const planner = new HandlerPlanner(connections, options);
      const plans = await step('checking the handlers', connections, () =>
        planner.plan(findings, this.messages()),
      );
      this.tellOfConnections(connections);
      const scope = new CleanScope();
      for (const definition of plans.events) this.listen(definition, scope);
      await step('starting the handlers', connections, async () => {
        const open = plans.consumers.filter(({ connection }) => connection.jetstream.connection.isOpen);
        const wrapper = await HandlerWrapper.create(plans.consumers, open, connections);
        const runners = await this.runners(plans, wrapper, scope);
        await this.deadLetters.start(open);
        await this.start(runners);
      });
    } catch (error) {
      await this.giveUp(connections);
      throw error;
    } finally {
      for (const { jetstream } of connections.values()) jetstream.connection.boot?.end();
    }
  }

  /**
   * All handlers are stopped at the same time, and before the providers that they use. Nest itself would close the
   * servers of a hybrid application only after those providers.
   */
  async onModuleDestroy(): Promise<void> {
    const shutdown = ApplicationShutdown.of(this.modules);
    shutdown.begin();
    for (const { instance } of this.discovery.getProviders()) shutdown.admit(instance);
    const connections = [...this.connections().values()];
    await Promise.all([
      this.handlers.stopAll(),
      shutdown.drainServers(),
      ...connections.map((connection) => drainServers(connection)),
      this.stopLookout(connections),
    ]);
    this.events.complete();
    const stopped = this.handlers.list();
    for (const { name } of connections) {
      const { length } = stopped.filter(({ connection }) => connection === name);
      if (length > 0) this.logger.log(`Connection "${name}": ${counted(length, 'handler')} stopped`);
    }
  }

  private async stopLookout(connections: readonly HandlerConnection[]): Promise<void> {
    const [longest] = connections.map(({ shutdown }) => shutdown).toSorted((a, b) => b.timeout - a.timeout);
    await longest?.spend(() => this.deadLetters.stop(longest.left));
  }

  /**
   * A failed startup must not keep the process alive through open connections, and must not wait for an unresponsive
   * server.
   */
  private async giveUp(connections: ReadonlyMap<string, HandlerConnection>): Promise<void> {
    await this.deadLetters.stop(GIVE_UP_WITHIN);
    await this.handlers.stopAll(0);
    const opened = [...connections.values()].map(({ jetstream }) => jetstream.connection);
    await Promise.allSettled(opened.map((connection) => connection.drain(GIVE_UP_WITHIN)));
  }

  /** Handlers are found and checked once, at startup. Handlers of modules that are loaded later would never start. */
  private watchLazyModules(explorer: HandlerExplorer): void {
    const known = new Set(explorer.classNames());
    onLazyModule(this.moduleRef.get(LazyModuleLoader, { strict: false }), () => {
      const late = explorer.classNames().filter((name) => !known.has(name));
      if (late.length === 0) return;
      for (const name of late) known.add(name);
      this.logger.warn(
        `The handlers of ${late.join(', ')} are not started: their module was loaded by LazyModuleLoader, after the ` +
          'application had started. Import it in a module that is loaded at startup.',
      );
    });
  }

  private connections(): ReadonlyMap<string, HandlerConnection> {
    return new Map(this.services.all().map((connection) => [connection.name, connection]));
  }

  /** The messages that the modules of the application publish. */
  private messages(): readonly FeatureMessages[] {
    const instances = this.discovery.getProviders().map((wrapper): unknown => wrapper.instance);
    return instances.filter((instance) => instance instanceof FeatureMessages);
  }

  private async runners(
    plans: HandlerPlans,
    wrapper: HandlerWrapper,
    scope: CleanScope,
  ): Promise<RegisteredHandler[]> {
    const factories = await this.factories(plans.consumers, wrapper, scope);
    const { compiler } = this;
    const register = (
      runner: HandlerRunner,
      { jetstream, shutdown }: HandlerConnection,
    ): RegisteredHandler => ({ runner, jetstream, shutdown });
    return [
      ...factories.map(([plan, factory]) => {
        const runner = new ConsumerHandler(
          plan,
          (consumer, onCircuit, stopped) => factory.create(plan, consumer, onCircuit, stopped),
          this.events,
        );
        return register(runner, plan.connection);
      }),
      ...plans.kvWatches.map((plan) => {
        const handler = compiler.compile(plan.definition, kvEntrySource);
        return register(
          this.watch(kvWatchSource(plan), handler, scope, plan.definition.metadata.options.keys),
          plan.connection,
        );
      }),
      ...plans.objectWatches.map((plan) => {
        const handler = compiler.compile(plan.definition, objectEntrySource);
        return register(this.watch(objectWatchSource(plan), handler, scope), plan.connection);
      }),
      ...plans.subscriptions.map((plan) => {
        const compiled = compiler.compile(plan.definition, coreMessageSource(plan));
        const observer = this.subscriptionObserver(plan);
        const handler = observer?.around(compiled, (message) => [message]) ?? compiled;
        const runner = new SubscriptionHandler(plan, handler, this.events, scope, observer);
        return register(runner, plan.connection);
      }),
    ];
  }

  private watch<Entry extends object>(
    source: WatchSource<Entry>,
    compiled: CompiledHandler<Entry>,
    scope: CleanScope,
    keys: string | readonly string[] = [],
  ): WatchHandler<Entry> {
    const observer = this.instruments.handler({
      handler: source.handler,
      form: source.kind,
      connection: source.connection.name,
      source: source.bucket,
      patterns: [keys].flat(),
      ignoreDeletes: source.ignoreDeletes,
    });
    return new WatchHandler(source, compiled, this.events, scope, observer);
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
    return this.instruments.handler({ ...about, form: 'subscription' });
  }

  private factories(
    plans: readonly ConsumerPlan[],
    wrapper: HandlerWrapper,
    scope: CleanScope,
  ): Promise<[ConsumerPlan, MessageRunnerFactory][]> {
    const wrap: WrapHandler = (next, method, policy) => wrapper.wrap(next, method, policy);
    return Promise.all(
      plans.map(async (plan) => [
        plan,
        new MessageRunnerFactory(this.compiler, await this.ackOf(plan), wrap, scope, this.instruments),
      ]),
    );
  }

  private async ackOf({ handler, methods, options }: ConsumerPlan): Promise<Acknowledgement> {
    try {
      return await this.acks.of(methods[0].method, options.settlement);
    } catch (error) {
      const problem = `its settlement cannot be created: ${errorText(error)}`;
      throw new HandlerConfigurationError([{ handler, problem }]);
    }
  }

  private async start(handlers: readonly RegisteredHandler[]): Promise<void> {
    const outcomes = await this.handlers.startAll(handlers);
    throwProblems(
      outcomes,
      handlers.map(({ runner }) => runner.state.handler),
    );
  }

  private listen(definition: EventDefinition, scope: CleanScope): void {
    const handler = this.compiler.compile(definition, eventSource);
    this.events.listen(definition.metadata.types, handlerName(definition), scope.around(handler));
  }

  private tellOfConnections(connections: ReadonlyMap<string, HandlerConnection>): void {
    for (const [connection, { jetstream, declared }] of connections) {
      const about = (): { connection: string; time: Date } => ({ connection, time: new Date() });
      jetstream.connection.listen({
        onDisconnect: () => this.events.emit({ type: 'disconnected', ...about() }),
        onReconnect: () => this.events.emit({ type: 'reconnected', ...about() }),
        onClose: (error) => this.events.emit({ type: 'closed', ...about(), ...(error ? { error } : {}) }),
      });
      declared.listen(({ kind: resource, name }) =>
        this.events.emit({ type: 'resource-recreated', ...about(), resource, name }),
      );
      watchPermissions(jetstream.connection, (error) =>
        this.events.emit({ type: 'permission-denied', ...about(), error }),
      );
    }
  }
}

/** Runs a step of the startup within the `bootTimeout` of every connection. */
function step<T>(
  what: string,
  connections: ReadonlyMap<string, HandlerConnection>,
  run: () => Promise<T>,
): Promise<T> {
  return [...connections.values()].reduce<() => Promise<T>>(
    (next, { jetstream }) =>
      () =>
        jetstream.connection.boot?.step(what, next) ?? next(),
    run,
  )();
}

function drainServers({ jetstream, shutdown }: HandlerConnection): Promise<unknown> {
  return shutdown.spend(() =>
    Promise.all([...jetstream.servers].map((server) => server.drain(Math.ceil(shutdown.left)))),
  );
}

const eventSource: HandlerSource<JetStreamEvent> = {
  payload: (event) => event,
  context: (event) => new EventContext(event),
  pattern: ({ type }) => type,
};

/**
 * Nest runs life-cycle hooks in the order of the modules' distances, and in reverse order at shutdown. Handlers use the
 * providers of all other modules, so they must start last and stop first.
 */
function startLastAndStopFirst(modules: ModulesContainer): void {
  for (const module of modules.values()) {
    if (module.hasProvider(HandlerBootstrap)) module.distance = -1;
  }
}
