import type { ModulesContainer } from '@nestjs/core';
import type { AttachedServer } from '../jetstream/index.js';
import { StepClock, TimeBudget } from '../timing/index.js';

/**
 * A server or client of microservices. It lives outside of dependency injection, so that it has to be found and given the
 * shutdown of its application.
 */
export interface ShutdownMember extends Partial<AttachedServer> {
  /** It belongs to an application. It must not throw. */
  joinShutdown(shutdown: ApplicationShutdown): void;
}

/** A shutdown that begins so long after the last step, in milliseconds, is another one. */
const BELONGS_TOGETHER = 5_000;

const members = new WeakSet<object>();
const shutdowns = new WeakMap<ModulesContainer, ApplicationShutdown>();

/** Lets applications find a server or client. They look for it here, since objects of users may not be asked what they are. */
export function registerShutdownMember(member: ShutdownMember): void {
  members.add(member);
}

/**
 * The end of one application: its handlers, servers and clients of microservices, locks and connections share one limit in
 * time, which begins with the first of them that is closed. Nest closes the server of a microservice without HTTP before it
 * calls hooks, and the servers of hybrid applications between hooks.
 */
export class ApplicationShutdown {
  private readonly clock = new StepClock();
  private readonly servers = new Set<AttachedServer>();
  /** The longest `shutdownTimeout` of the connections. */
  private longest = 0;
  private begun = false;

  private constructor(modules: ModulesContainer) {
    // Versions of Nest 11 before 11.1.5 have no registry: servers with a connection of their own are not found there.
    const registry = (modules as Partial<ModulesContainer>).getRpcTargetRegistry?.<unknown>();
    registry?.subscribe((target) => this.admit(target));
  }

  /** The shutdown of the application that the modules belong to. */
  static of(modules: ModulesContainer): ApplicationShutdown {
    let shutdown = shutdowns.get(modules);
    if (shutdown === undefined) shutdowns.set(modules, (shutdown = new ApplicationShutdown(modules)));
    return shutdown;
  }

  /** What a connection may take, whose `shutdownTimeout` is given. */
  budgetOfConnection(timeout: number): TimeBudget {
    this.longest = Math.max(this.longest, timeout);
    return new TimeBudget(timeout, this.clock);
  }

  /** What a server or client that is being closed may take: its own timeout, or that of the application if it is shorter. */
  budgetOfMember(timeout: number): TimeBudget {
    this.discardOldSteps();
    return new TimeBudget(Math.min(timeout, this.longest), this.clock);
  }

  /** Takes in what may be a server or client of this application. */
  admit(candidate: unknown): void {
    if (!isMember(candidate)) return;
    candidate.joinShutdown(this);
    if (hasHandlers(candidate)) this.servers.add(candidate);
  }

  /** The hooks of the application are called: all that is closed from now on belongs to its shutdown. */
  begin(): void {
    this.discardOldSteps();
    this.begun = true;
  }

  /** Has all servers take nothing new, and waits for their handlers. */
  async drainServers(): Promise<void> {
    const budget = this.budgetOfMember(Infinity);
    await budget.spend(() =>
      Promise.all([...this.servers].map((server) => server.drain(Math.ceil(budget.left)))),
    );
  }

  /** A server that was closed while the application went on is no part of its shutdown. */
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
