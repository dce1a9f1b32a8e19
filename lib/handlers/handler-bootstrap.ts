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
import { type TestSettings, watchPermissions } from '../connection/index.js';
import {
  ApplicationShutdown,
  CleanScope,
  Handlers,
  type HandlerSource,
  type JetStreamEvent,
  JetStreamEvents,
  type RegisteredHandler,
  throwProblems,
} from '../consuming/index.js';
import { FeatureMessages } from '../contracts/index.js';
import { JetStreamInstruments } from '../instruments/index.js';
import { checkNestInternals, onLazyModule } from '../nest/index.js';
import { counted } from '../reporting/index.js';
import { Schedules } from '../schedules/index.js';
import { CommandQueue, within } from '../timing/index.js';
import { HandlerCompiler, handlerName, type InstanceWrapper } from './compile/index.js';
import { type EventDefinition, type Findings, HandlerExplorer } from './discovery/index.js';
import { uniteMetadata } from './decorators/index.js';
import { EventContext } from './contexts/index.js';
import type { HandlerConnection } from './handler-connection.js';
import { HandlerStages } from './handler-stages.js';
import { JetStreamConnections } from './jetstream-connections.js';
import {
  HandlerBinder,
  HandlerBuilder,
  HandlerStarter,
  ScheduleGroups,
  summarize,
} from './starting/index.js';
import { TEST_SETTINGS } from './test-settings.js';

/** How long each part of a failed startup may take to end, in milliseconds. */
const GIVE_UP_WITHIN = 1_000;

/** Finds, checks and starts the handlers of an application. */
@Injectable()
export class HandlerBootstrap implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(HandlerBootstrap.name);
  private readonly compiler: HandlerCompiler;
  private readonly scope = new CleanScope();
  private readonly explorer: HandlerExplorer;
  private readonly starter: HandlerStarter;
  private readonly schedules: ScheduleGroups;
  /** The classes whose handlers were found. */
  private readonly found = new Set<InstanceWrapper>();
  private readonly features = new Set<FeatureMessages>();
  /** The handlers of modules that are loaded at the same time start one module after another. */
  private readonly lateHandlers = new CommandQueue();
  /** The connections whose events are published. */
  private readonly followed = new Set<string>();

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ExternalContextCreator) private readonly external: ExternalContextCreator,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(Handlers) private readonly handlers: Handlers,
    @Inject(JetStreamEvents) private readonly events: JetStreamEvents,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(JetStreamInstruments) private readonly instruments: JetStreamInstruments,
    @Inject(JetStreamConnections) private readonly services: JetStreamConnections,
    @Inject(HandlerStages) private readonly stages: HandlerStages,
    @Inject(Schedules) schedules: Schedules,
    @Inject(TEST_SETTINGS) testing: TestSettings | null,
  ) {
    const { scope } = this;
    const compiler = (this.compiler = new HandlerCompiler(external));
    const builder = new HandlerBuilder({ compiler, events, instruments, scope });
    this.schedules = new ScheduleGroups(schedules, testing?.schedules !== false);
    this.starter = new HandlerStarter(builder, this.schedules, moduleRef, () => this.connections());
    this.explorer = new HandlerExplorer(discovery);
    startLastAndStopFirst(modules);
  }

  async onApplicationBootstrap(): Promise<void> {
    const connections = this.connections();
    this.instruments.seal();
    try {
      checkNestInternals(this.external, this.moduleRef, this.modules);
      const findings = this.newFindings();
      this.watchLazyModules();
      const plans = await step('checking the handlers', connections, () =>
        this.starter.plan(findings, this.newMessages()),
      );
      this.stages.check(plans);
      this.followConnections();
      for (const definition of plans.events) this.listen(definition);
      await step('starting the handlers', connections, async () => {
        const { handlers } = await this.starter.create(plans);
        await this.start(handlers);
        await this.stages.started();
        this.summarizeLater([...connections.values()], handlers);
        this.handlers.summarize(await summarize([...connections.values()], handlers));
      });
      this.handlers.open(new HandlerBinder(this.starter, this.discovery, this.handlers, this.compiler));
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
    this.handlers.close();
    const shutdown = ApplicationShutdown.of(this.modules);
    shutdown.begin();
    for (const { instance } of this.discovery.getProviders()) shutdown.admit(instance);
    const connections = [...this.connections().values()];
    await Promise.all([
      this.stages.stopping(),
      this.handlers.stopAll(),
      shutdown.drainServers(),
      ...connections.map((connection) => drainServers(connection)),
      this.stopLookout(connections),
      this.stopSchedules(connections),
    ]);
    this.events.complete();
    const stopped = this.handlers.list();
    for (const { name } of connections) {
      const { length } = stopped.filter((each) => each.connection === name && each.notStarted === undefined);
      if (length > 0) this.logger.log(`Connection "${name}": ${counted(length, 'handler')} stopped`);
    }
  }

  private async stopLookout(connections: readonly HandlerConnection[]): Promise<void> {
    const [longest] = connections.map(({ shutdown }) => shutdown).toSorted((a, b) => b.timeout - a.timeout);
    await longest?.spend(() => this.starter.stopLookouts(longest.left));
  }

  private async stopSchedules(connections: readonly HandlerConnection[]): Promise<void> {
    const [longest] = connections.map(({ shutdown }) => shutdown).toSorted((a, b) => b.timeout - a.timeout);
    await longest?.spend(() => within(longest.left, this.schedules.stop()));
  }

  /**
   * A failed startup must not keep the process alive through open connections, and must not wait for an unresponsive
   * server.
   */
  private async giveUp(connections: ReadonlyMap<string, HandlerConnection>): Promise<void> {
    this.handlers.close();
    await this.stages.stopping();
    await this.starter.stopLookouts(GIVE_UP_WITHIN);
    await within(GIVE_UP_WITHIN, this.schedules.stop());
    await this.handlers.stopAll(0);
    const opened = [...connections.values()].map(({ jetstream }) => jetstream.connection);
    await Promise.allSettled(opened.map((connection) => connection.drain(GIVE_UP_WITHIN)));
  }

  /** Nest calls no hooks of modules that are loaded later. Their handlers start before the module is returned. */
  private watchLazyModules(): void {
    onLazyModule(this.moduleRef.get(LazyModuleLoader, { strict: false }), {
      // Their classes exist only now, and Nest has not scanned them yet.
      imported: uniteMetadata,
      loaded: () => this.lateHandlers.run(() => this.startLate()),
    });
  }

  /**
   * @throws {@link HandlerConfigurationError} if handlers of the module are wrong, or cannot be created on the server;
   * none of them is started then
   */
  private async startLate(): Promise<void> {
    if (this.handlers.isClosed) return;
    const findings = this.newFindings();
    const messages = this.newMessages();
    if (findings.wrappers.length + messages.length === 0) return;
    const plans = await this.starter.plan(findings, messages);
    this.followConnections();
    const created = await this.starter.create(plans);
    try {
      await this.start(created.handlers);
    } catch (error) {
      // They stay listed, so that they can be started by their names when the cause is removed.
      await Promise.all(created.handlers.map(({ runner }) => runner.stop(GIVE_UP_WITHIN)));
      throw error;
    }
    for (const definition of plans.events) this.listen(definition);
    // The application may have been closed in the meantime.
    if (this.handlers.isClosed) await this.handlers.remove(created.handlers);
  }

  /** The handlers of classes that were not found before. */
  private newFindings(): Findings {
    const findings = this.explorer.explore(this.found);
    for (const wrapper of findings.wrappers) this.found.add(wrapper);
    return findings;
  }

  private connections(): ReadonlyMap<string, HandlerConnection> {
    return new Map(this.services.all().map((connection) => [connection.name, connection]));
  }

  /** The messages that modules publish, of modules that were not found before. */
  private newMessages(): readonly FeatureMessages[] {
    const instances = this.discovery.getProviders().map((wrapper): unknown => wrapper.instance);
    const features = instances.filter((instance) => instance instanceof FeatureMessages);
    const fresh = features.filter((feature) => !this.features.has(feature));
    for (const feature of fresh) this.features.add(feature);
    return fresh;
  }

  private async start(handlers: readonly RegisteredHandler[]): Promise<void> {
    const outcomes = await this.handlers.startAll(handlers);
    throwProblems(
      outcomes,
      handlers.map(({ runner }) => runner.state.handler),
    );
  }

  /** The startup on a connection with `connect: 'lazy'` takes place when it is opened. */
  private summarizeLater(
    connections: readonly HandlerConnection[],
    handlers: readonly RegisteredHandler[],
  ): void {
    for (const connection of connections) {
      const { connection: opened } = connection.jetstream;
      if (opened.isReady) continue;
      opened.whenReady(async () =>
        this.handlers.summarize([
          ...this.handlers.bootSummaries,
          ...(await summarize([connection], handlers)),
        ]),
      );
    }
  }

  private listen(definition: EventDefinition): void {
    const handler = this.compiler.compile(definition, eventSource);
    this.events.listen(definition.metadata.types, handlerName(definition), this.scope.around(handler));
  }

  private followConnections(): void {
    for (const [connection, { jetstream, declared }] of this.connections()) {
      if (this.followed.has(connection)) continue;
      this.followed.add(connection);
      const about = (): { connection: string; time: Date } => ({ connection, time: new Date() });
      if (!jetstream.connection.isReady)
        jetstream.connection.whenReady(() => this.events.emit({ type: 'connected', ...about() }));
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
