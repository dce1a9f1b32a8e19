import type { ModulesContainer } from '@nestjs/core';
import type { TestSettings } from '../connection/index.js';
import type { AttachedServer } from '../jetstream/index.js';
import { StepClock, TimeBudget } from '../timing/index.js';
import type { ListeningServer } from './registered-handler.js';

/**
 * A server or client of microservices. It lives outside of dependency injection, so the application has to find it and
 * pass its shutdown to it.
 */
export interface ShutdownMember extends Partial<AttachedServer> {
  /** Called when the member belongs to an application. It must not throw. */
  joinShutdown(shutdown: ApplicationShutdown): void;
  /** The connection and the handlers of a server while it listens; `undefined` for a client. */
  readonly listening?: ListeningServer | undefined;
}

/** If this time passes after the last step, in milliseconds, the next step starts a new shutdown. */
const BELONGS_TOGETHER = 5_000;

const members = new WeakSet<object>();
const shutdowns = new WeakMap<ModulesContainer, ApplicationShutdown>();

/**
 * Registers a server or client for its application. Applications look it up here, because probing unknown objects of
 * users could run their code.
 */
export function registerShutdownMember(member: ShutdownMember): void {
  members.add(member);
}

/**
 * The shutdown of one application. Its handlers, microservice servers and clients, locks and connections share one time
 * limit, which starts when the first of them is closed. Nest closes the server of a microservice without HTTP before it
 * calls hooks, and the servers of hybrid applications between hooks.
 */
export class ApplicationShutdown {
  /** The changes of a test kit that runs the application, for servers and clients of microservices. */
  testing: TestSettings | undefined;
  private readonly clock = new StepClock();
  private readonly servers = new Set<ShutdownMember & AttachedServer>();
  /** The longest `shutdownTimeout` of the connections; `undefined` if the application has none of its own. */
  private longest: number | undefined;
  private begun = false;

  private constructor(modules: ModulesContainer) {
    // Nest 11 before 11.1.5 has no registry; servers with their own connection are not found there.
    const registry = (modules as Partial<ModulesContainer>).getRpcTargetRegistry?.<unknown>();
    registry?.subscribe((target) => this.admit(target));
  }

  /** The shutdown of the application to which the modules belong. */
  static of(modules: ModulesContainer): ApplicationShutdown {
    let shutdown = shutdowns.get(modules);
    if (shutdown === undefined) shutdowns.set(modules, (shutdown = new ApplicationShutdown(modules)));
    return shutdown;
  }

  /** The time budget of a connection with the given `shutdownTimeout`. */
  budgetOfConnection(timeout: number): TimeBudget {
    this.longest = Math.max(this.longest ?? 0, timeout);
    return new TimeBudget(timeout, this.clock);
  }

  /**
   * The time budget of a server or client that is being closed: its own timeout, or that of the application if it is
   * shorter.
   */
  budgetOfMember(timeout: number): TimeBudget {
    this.discardOldSteps();
    return new TimeBudget(Math.min(timeout, this.longest ?? Infinity), this.clock);
  }

  /** The servers of the application that listen now. */
  get listening(): readonly ListeningServer[] {
    return [...this.servers].flatMap(({ listening }) => listening ?? []);
  }

  /** Adds the candidate if it is a server or client of this application. */
  admit(candidate: unknown): void {
    if (!isMember(candidate)) return;
    candidate.joinShutdown(this);
    if (hasHandlers(candidate)) this.servers.add(candidate);
  }

  /** Called with the hooks of the application: everything closed from now on belongs to its shutdown. */
  begin(): void {
    this.discardOldSteps();
    this.begun = true;
  }

  /** Stops all servers from accepting new work, and waits for their handlers. */
  async drainServers(): Promise<void> {
    const budget = this.budgetOfMember(Infinity);
    await budget.spend(() =>
      Promise.all([...this.servers].map((server) => server.drain(Math.ceil(budget.left)))),
    );
  }

  /** A server that was closed while the application kept running is not part of the shutdown. */
  private discardOldSteps(): void {
    if (!this.begun && this.clock.idle > BELONGS_TOGETHER) this.clock.restart();
  }
}

function isMember(candidate: unknown): candidate is ShutdownMember {
  return typeof candidate === 'object' && candidate !== null && members.has(candidate);
}

function hasHandlers(member: ShutdownMember): member is ShutdownMember & AttachedServer {
  return member.drain !== undefined;
}
