import type { INestApplicationContext } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Handlers } from '../../consuming/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
import {
  type HandlerConnection,
  HandlerExplorer,
  handlerName,
  JetStreamConnections,
} from '../../handlers/index.js';
import { JetStreamInstruments, type JetStreamInstrument } from '../../instruments/index.js';
import type { HandlerGroups } from './handler-groups.js';
import type { ReplaceableMethod } from './handler-spies.js';

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
    instrument: JetStreamInstrument,
    option: string,
  ): TrackedApplication {
    const handlers = find(app, Handlers);
    const connections = find(app, JetStreamConnections)?.all() ?? [];
    if (handlers === undefined || connections.length === 0) {
      throw new InvalidArgumentError(
        option,
        'the application does not import JetStreamModule.forRoot, or its connection was not created',
      );
    }
    if (find(app, JetStreamInstruments)?.has(instrument) !== true) {
      throw new InvalidArgumentError(
        option,
        'the application does not report its messages to the kit: pass its module builder to kit.prepare() before it is ' +
          'compiled, or use JetStreamModule.forRoot({ connection: kit.connection, instruments: [kit.instrument] })',
      );
    }
    return new TrackedApplication(app, connections, handlers);
  }

  /** Reads the configuration of the streams that handlers consume. */
  async describeStreams(groups: HandlerGroups): Promise<void> {
    const used = groups.all.filter(({ kind }) => kind === 'stream').flatMap(({ members }) => members);
    await Promise.all(
      used.map(async ({ source, connection: name }) => {
        const connection = this.connections.find((each) => each.name === name);
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
