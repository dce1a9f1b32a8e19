import type { Handlers, HandlerState, RegisteredHandler } from '../consuming/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import type { JetStreamConnections } from '../handlers/index.js';
import type { JetStreamService } from '../jetstream/index.js';
import type { HandlerThresholds } from './health-options.js';

/** A handler that is checked. */
export interface CheckedHandler {
  readonly state: HandlerState;
  /** The service of its connection. */
  readonly jetstream: JetStreamService;
  /** Identifies it: several handlers may have the same name. */
  readonly key: string;
  /** Its own thresholds. */
  readonly own: HandlerThresholds;
}

/** The connections and handlers of an application, with those of its microservice servers. */
export class CheckedApplication {
  private readonly keys = new WeakMap<object, string>();
  private lastKey = 0;

  constructor(
    private readonly connections: JetStreamConnections,
    private readonly handlers: Handlers,
  ) {}

  /**
   * The services of the connections that modules have opened.
   *
   * @throws {@link InvalidArgumentError} if none has the given name
   */
  modules(name: string | undefined): readonly JetStreamService[] {
    return named(this.ofModules, name);
  }

  /**
   * The services of all connections: also those that microservice servers have opened for themselves.
   *
   * @throws {@link InvalidArgumentError} if none has the given name
   */
  all(name: string | undefined): readonly JetStreamService[] {
    const ofServers = this.handlers.servers.map(({ jetstream }) => jetstream);
    return named([...new Set([...this.ofModules, ...ofServers])], name);
  }

  /**
   * The handlers on the given connections that are not ignored.
   *
   * @throws {@link HandlerNotFoundError}, {@link AmbiguousHandlerError} if there are thresholds for another name
   */
  selected(
    services: readonly JetStreamService[],
    thresholds: Readonly<Record<string, HandlerThresholds>> = {},
  ): readonly CheckedHandler[] {
    for (const name of Object.keys(thresholds)) this.handlers.get(name);
    return this.handlers.registered
      .filter(({ jetstream }) => services.includes(jetstream))
      .map((registered) => this.read(registered, thresholds))
      .filter(({ own }) => own.ignore !== true);
  }

  /** Their calls do not open a connection with `connect: 'lazy'`. */
  private get ofModules(): readonly JetStreamService[] {
    return this.connections.all().map(({ jetstream }) => jetstream);
  }

  private read(
    { runner, jetstream }: RegisteredHandler,
    thresholds: Readonly<Record<string, HandlerThresholds>>,
  ): CheckedHandler {
    const { state } = runner;
    return { state, jetstream, key: this.keyOf(runner), own: thresholds[state.handler] ?? {} };
  }

  private keyOf(runner: object): string {
    const known = this.keys.get(runner);
    if (known !== undefined) return known;
    const key = `handler ${++this.lastKey}`;
    this.keys.set(runner, key);
    return key;
  }
}

/** The names of connections, for an error. */
export function namesOf(services: readonly JetStreamService[]): string {
  return services.map(({ connection }) => `"${connection.name}"`).join(', ');
}

function named(services: readonly JetStreamService[], name: string | undefined): readonly JetStreamService[] {
  if (name === undefined) return services;
  const found = services.filter(({ connection }) => connection.name === name);
  if (found.length > 0) return found;
  throw new InvalidArgumentError(
    'connection',
    `there is no connection "${name}"; there are ${namesOf(services)}`,
  );
}
