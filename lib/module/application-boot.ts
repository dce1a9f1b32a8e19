import { Scope } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import type { JetStreamConnection } from '../connection/index.js';
import { Interval } from '../timing/index.js';

/** The interval of checks for providers that Nest has started to create, in milliseconds. */
const LOOK_EVERY = 50;
/** How long to wait for the server to receive buffered messages, in milliseconds. */
const GIVE_UP_WITHIN = 1_000;

/** The part of Nest's provider state that is used here. */
interface CreatedProvider {
  readonly scope?: Scope;
  /** Settles when the provider is created, with an error if that failed. */
  readonly settlementSignal?: { asPromise(): Promise<unknown> };
}

const boots = new WeakMap<ModulesContainer, ApplicationBoot>();

/**
 * Closes the connections of an application that fails while Nest creates it. In that case Nest runs no hooks, there is
 * no application object to call `close()` on, and open connections would keep the process alive.
 *
 * Failures of this library's own providers are detected directly. Those of other providers are read from Nest's own
 * state of each provider, until the first hook runs.
 */
export class ApplicationBoot {
  private readonly opened: JetStreamConnection[] = [];
  private readonly failure = new AbortController();
  private readonly followed = new Set<unknown>();
  private unsettled = 0;
  private watch: Interval | undefined;
  private created = false;
  /** The first failure of a step, which ended the startup. */
  private first: { readonly error: unknown } | undefined;

  private constructor(private readonly modules: ModulesContainer) {}

  /** The startup of the application to which the modules belong. */
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
      // Another part failed in the meantime.
      if (this.failure.signal.aborted) await this.closeAll();
      return connection;
    });
  }

  /**
   * Runs a provider's factory; its failure is a failure of the application. The connections are then closed, so other
   * steps fail too: they throw the first error, because Nest reports the one that it receives first.
   */
  async step<T>(create: () => T | Promise<T>): Promise<T> {
    try {
      return await create();
    } catch (error) {
      // A lazily loaded module may fail without the application.
      if (this.created) throw error;
      this.first ??= { error };
      const { first } = this;
      await this.fail();
      throw first.error;
    }
  }

  /**
   * Called when all providers exist and the hooks of modules run: from now on, `close()` of the application closes its
   * connections.
   */
  succeed(): void {
    this.created = true;
    this.watch?.cancel();
    this.followed.clear();
  }

  private async fail(): Promise<void> {
    this.watch?.cancel();
    this.failure.abort();
    await this.closeAll();
  }

  private async closeAll(): Promise<void> {
    await Promise.all(this.opened.splice(0).map((connection) => connection.drain(GIVE_UP_WITHIN)));
  }

  /** Watches the providers that Nest has started to create since the last check, until all are created. */
  private look(): void {
    const all = [...this.modules.values()].flatMap(({ providers, injectables, controllers }) => [
      ...(providers.values() as Iterable<CreatedProvider>),
      ...(injectables.values() as Iterable<CreatedProvider>),
      ...(controllers.values() as Iterable<CreatedProvider>),
    ]);
    // Providers of other scopes may be created for one caller, and their failure does not affect the application.
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
      // A lazily loaded module may fail without the application.
      if (error !== undefined && error !== null && !this.created) void this.fail();
    });
  }
}
