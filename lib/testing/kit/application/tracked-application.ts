import type { INestApplicationContext, LoggerService } from '@nestjs/common';
import { DiscoveryService, ModulesContainer } from '@nestjs/core';
import type { TestSettings } from '../../../connection/index.js';
import { ApplicationShutdown, Handlers } from '../../../consuming/index.js';
import { InvalidArgumentError } from '../../../errors/index.js';
import {
  type HandlerConnection,
  HandlerExplorer,
  handlerName,
  JetStreamConnections,
} from '../../../handlers/index.js';
import { JetStreamInstruments, type JetStreamInstrument } from '../../../instruments/index.js';
import { type HandlerGroups, realTimeout } from '../tracking/index.js';
import type { ReplaceableMethod } from './handler-spies.js';

/** After how many milliseconds the kit warns that an application does not close. */
const SLOW_CLOSE = 3_000;

/** An application whose handlers a kit tracks. */
export class TrackedApplication {
  private constructor(
    readonly app: INestApplicationContext,
    readonly connections: readonly HandlerConnection[],
    private readonly handlers: Handlers,
  ) {}

  /**
   * @param option the name of the argument that contains the application, for errors
   * @throws {@link InvalidArgumentError} if it has no `JetStreamModule`, or does not report to the kit
   */
  static of(
    app: INestApplicationContext,
    instruments: ReadonlySet<JetStreamInstrument>,
    option: string,
  ): TrackedApplication {
    const handlers = find(app, Handlers);
    const connections = connectionsOf(app);
    if (handlers === undefined || connections.length === 0) {
      throw new InvalidArgumentError(
        option,
        'the application does not import JetStreamModule.forRoot, or its connection was not created',
      );
    }
    const registered = find(app, JetStreamInstruments);
    if (![...instruments].some((each) => registered?.has(each) === true)) {
      throw new InvalidArgumentError(
        option,
        'the application does not report its messages to the kit: pass its module builder to kit.prepare() before it is ' +
          'compiled, or use JetStreamModule.forRoot({ connection: kit.connection, instruments: [kit.instrument] })',
      );
    }
    return new TrackedApplication(app, connections, handlers);
  }

  /** Whether it is the application of the other one, for example as an HTTP server. */
  isSame(other: TrackedApplication): boolean {
    return this.handlers === other.handlers;
  }

  /** @throws {@link InvalidArgumentError} if it was not started, or is closed */
  checkStarted(): void {
    if (areClosed(this.connections))
      throw new InvalidArgumentError('app', 'it is closed: track it while it runs');
    if (this.handlers.list().length > 0 || this.methods().length === 0) return;
    throw new InvalidArgumentError('app', 'it was not started: await app.init() or app.listen() before');
  }

  /** @param logger receives a warning if it takes long */
  async close(logger: LoggerService): Promise<void> {
    const cancel = realTimeout(SLOW_CLOSE, () => {
      logger.warn(
        `An application did not close within ${SLOW_CLOSE} ms. A function of it that Nest calls at the end, such as ` +
          'onModuleDestroy, may not have ended.',
        'JetStreamTestKit',
      );
    });
    try {
      await this.app.close();
    } finally {
      cancel();
    }
  }

  /** Reads the configuration of the streams that handlers consume. */
  async describeStreams(groups: HandlerGroups): Promise<void> {
    const used = groups.all.filter(({ kind }) => kind === 'stream').flatMap(({ members }) => members);
    await Promise.all(
      used.map(async ({ source, connection: name }) => {
        // A server of microservices with a connection of its own uses the same account.
        const connection = this.connections.find((each) => each.name === name) ?? this.connections[0];
        // A stream of another application, or one that does not exist yet.
        const stream = await connection?.jetstream.stream(source).catch(() => undefined);
        if (stream !== undefined) groups.describe(source, stream.cachedInfo.config);
      }),
    );
  }

  /** Why a handler does not receive its messages; `undefined` if it runs, or belongs to another application. */
  statusOf(handler: string): string | undefined {
    const states = this.handlers.list();
    const state =
      states.find((each) => each.handler === handler) ??
      states.find((each) => handler.startsWith(`${each.handler}.`));
    if (state === undefined) return undefined;
    if (areClosed(this.connections)) return 'belongs to an application that is closed';
    if (!state.connected) return 'has no link to the server';
    if (state.circuitOpen) return 'is paused by its circuit breaker';
    if (state.status !== 'running') return `is ${state.status}`;
    return state.running > 0 ? `is busy with ${state.running} others` : undefined;
  }

  /** The methods of all handlers. */
  methods(): readonly ReplaceableMethod[] {
    const discovery = this.app.get(DiscoveryService, { strict: false });
    return new HandlerExplorer(discovery).methods().map((each) => {
      const { target, method, wrapper } = each;
      const isStatic = wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
      const instance: unknown = isStatic ? wrapper.instance : undefined;
      const object = typeof instance === 'object' && instance !== null ? instance : undefined;
      return { name: handlerName(each), target: object ?? (target.prototype as object), method };
    });
  }
}

/** The connections of an application; none if it does not import `JetStreamModule`. */
export function connectionsOf(app: INestApplicationContext): readonly HandlerConnection[] {
  return find(app, JetStreamConnections)?.all() ?? [];
}

/** Makes the microservice clients that an application provides use the connection of a kit. */
export function redirectClients(app: INestApplicationContext, settings: TestSettings): void {
  const modules = find(app, ModulesContainer);
  const discovery = find(app, DiscoveryService);
  // An application without this library is refused later.
  if (modules === undefined || discovery === undefined) return;
  const shutdown = ApplicationShutdown.of(modules);
  shutdown.testing = settings;
  for (const { instance } of discovery.getProviders()) shutdown.admit(instance);
}

/** Whether all connections of an application are closed. */
export function areClosed(connections: readonly HandlerConnection[]): boolean {
  return connections.length > 0 && connections.every(({ jetstream }) => jetstream.connection.nc.isClosed());
}

function find<Service>(
  app: INestApplicationContext,
  token: abstract new (...args: never[]) => Service,
): Service | undefined {
  try {
    return app.get<Service>(token, { strict: false });
  } catch {
    return undefined;
  }
}
