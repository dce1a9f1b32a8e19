import { Scope } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import type { JetStreamConnection } from '../connection/index.js';
import { Interval } from '../timing/index.js';

/** How often is looked for providers that Nest has begun to create since, in milliseconds. */
const LOOK_EVERY = 50;
/** How long a server gets to take what is still to be sent, in milliseconds. */
const GIVE_UP_WITHIN = 1_000;

/** What is used of Nest's state of a provider. */
interface CreatedProvider {
  readonly scope?: Scope;
  /** Settles when the provider is created, with the error if that failed. */
  readonly settlementSignal?: { asPromise(): Promise<unknown> };
}

const boots = new WeakMap<ModulesContainer, ApplicationBoot>();

/**
 * Closes the connections of an application that fails while Nest creates it: Nest runs no hooks then, nobody has the
 * application to call `close()` on, and open connections would keep the process alive.
 *
 * Failures of this library's own providers are seen at once. Those of other providers are learned from Nest's own state of
 * each provider, until the first hook runs.
 */
export class ApplicationBoot {
  private readonly opened: JetStreamConnection[] = [];
  private readonly failure = new AbortController();
  private readonly followed = new Set<unknown>();
  private unsettled = 0;
  private watch: Interval | undefined;
  private created = false;

  private constructor(private readonly modules: ModulesContainer) {}

  /** The boot of the application that the modules belong to. */
  static of(modules: ModulesContainer): ApplicationBoot {
    let boot = boots.get(modules);
    if (boot === undefined) boots.set(modules, (boot = new ApplicationBoot(modules)));
    return boot;
  }

  /** Opens a connection that is closed if the application fails to start. */
  open(dial: (signal: AbortSignal) => Promise<JetStreamConnection>): Promise<JetStreamConnection> {
    if (!this.created && this.watch === undefined) {
      this.look();
      this.watch = new Interval(LOOK_EVERY, () => this.look(), { keepsAlive: false });
    }
    return this.step(async () => {
      const connection = await dial(this.failure.signal);
      this.opened.push(connection);
      // Something else failed meanwhile.
      if (this.failure.signal.aborted) await this.closeAll();
      return connection;
    });
  }

  /** Runs a provider's factory: if it fails, so does the application. */
  async step<T>(create: () => T | Promise<T>): Promise<T> {
    try {
      return await create();
    } catch (error) {
      await this.fail();
      throw error;
    }
  }

  /** All providers exist, and the hooks of modules run: from now on `close()` of the application closes its connections. */
  succeed(): void {
    this.created = true;
    this.watch?.cancel();
    this.followed.clear();
  }

  private async fail(): Promise<void> {
    // A module that is loaded lazily may fail without the application.
    if (this.created) return;
    this.watch?.cancel();
    this.failure.abort();
    await this.closeAll();
  }

  private async closeAll(): Promise<void> {
    await Promise.all(this.opened.splice(0).map((connection) => connection.drain(GIVE_UP_WITHIN)));
  }

  /** Follows the providers that Nest has begun to create since the last look, until all are created. */
  private look(): void {
    const all = [...this.modules.values()].flatMap(({ providers, injectables, controllers }) => [
      ...(providers.values() as Iterable<CreatedProvider>),
      ...(injectables.values() as Iterable<CreatedProvider>),
      ...(controllers.values() as Iterable<CreatedProvider>),
    ]);
    // Providers of other scopes may be created for one caller, whose failure is not the application's.
    const own = all.filter(({ scope = Scope.DEFAULT }) => scope === Scope.DEFAULT);
    for (const { settlementSignal } of own) {
      if (settlementSignal !== undefined && !this.followed.has(settlementSignal))
        this.follow(settlementSignal);
    }
    const begun = own.every(({ settlementSignal }) => settlementSignal !== undefined);
    if (begun && this.unsettled === 0) this.watch?.cancel();
  }

  private follow(signal: NonNullable<CreatedProvider['settlementSignal']>): void {
    this.followed.add(signal);
    this.unsettled++;
    void signal.asPromise().then((error) => {
      this.unsettled--;
      if (error !== undefined && error !== null) void this.fail();
    });
  }
}
