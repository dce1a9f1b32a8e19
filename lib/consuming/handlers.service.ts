import { Inject, Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { AmbiguousHandlerError, ApplicationNotRunningError, HandlerNotFoundError } from '../errors/index.js';
import { nameText } from '../reporting/index.js';
import { ApplicationShutdown } from './application-shutdown.js';
import type { Binder, BindOptions, BoundHandler } from './bound-handler.js';
import { type JetStreamEvent, JetStreamEvents } from './events/index.js';
import { throwProblems } from './handler-configuration.error.js';
import type { ListeningServer, RegisteredHandler } from './registered-handler.js';
import { type HandlerState, stopInTime } from './running/index.js';
import type { BootSummary } from './summary/index.js';

/**
 * Inspects and controls the handlers of the application at run time.
 *
 * Handlers are named by class and method, such as `Billing.onCreated`; or by the class alone if its methods share a
 * consumer. If several modules provide the class, or classes with the same name, the name is prefixed with the module:
 * `Sales/Billing.onCreated`; and if that is not unique either, a number is added: `Sales/Billing#2.onCreated`.
 *
 * The durable events and requests of the application's `JetStreamServer`s are handlers too, while the server listens.
 * They are named by their patterns: `@EventPattern('orders.created')`. Requests and events of core NATS are not listed.
 */
@Injectable()
export class Handlers {
  /** The handlers of the application: the decorated ones, and those that are bound. */
  private handlers: readonly RegisteredHandler[] = [];
  /** Binds handlers while the application runs. */
  private binder: Binder | undefined;
  private closed = false;
  /** See {@link bootSummaries}. */
  private summaries: readonly BootSummary[] = [];
  private readonly application: ApplicationShutdown;

  /** @internal */
  constructor(
    @Inject(JetStreamEvents) private readonly events: JetStreamEvents,
    @Inject(ModulesContainer) modules: ModulesContainer,
  ) {
    this.application = ApplicationShutdown.of(modules);
  }

  /** @internal The microservice servers of the application that listen now. */
  get servers(): readonly ListeningServer[] {
    return this.application.listening;
  }

  /** @internal All handlers: those of the application first, then those of its microservice servers. */
  get registered(): readonly RegisteredHandler[] {
    return [...this.handlers, ...this.servers.flatMap(({ handlers }) => handlers)];
  }

  /** The summary of the startup for each connection; empty until the application has started. */
  get bootSummaries(): readonly BootSummary[] {
    return this.summaries;
  }

  /** @internal */
  summarize(summaries: readonly BootSummary[]): void {
    this.summaries = summaries;
  }

  /** The current state and statistics of every handler. */
  list(): readonly HandlerState[] {
    return this.registered.map(({ runner }) => runner.state);
  }

  /**
   * The current state and statistics of one handler.
   *
   * @throws {@link HandlerNotFoundError}, {@link AmbiguousHandlerError}
   */
  get(handler: string): HandlerState {
    return this.find(handler)[0].runner.state;
  }

  /**
   * Pauses a handler: it receives no new messages, buffered messages are returned to the server for other instances,
   * and messages in flight are completed. Its consumer is kept. Messages that cannot be returned are handled: messages
   * in their last delivery, and all messages without acknowledgements (`ackMode: 'none'`, `ordered`).
   *
   * The commands of one handler run one after the other, even if the caller does not await them, so the last command
   * determines the final state. A `stop` supersedes earlier commands that have not started. A command that changes
   * nothing, such as a second `pause`, emits no event.
   *
   * With a `concurrency` of 1, returned messages may be handled after later ones, because the server does not redeliver
   * them in their original position. Only `ordered` keeps the order across a pause.
   *
   * @throws {@link HandlerNotFoundError}, {@link AmbiguousHandlerError}
   */
  async pause(handler: string): Promise<void> {
    await this.each(this.find(handler), ({ runner }) => runner.pause(), 'handler-paused');
  }

  /**
   * Resumes a handler after {@link pause}. An `ordered` handler and a watch continue after the last message or entry
   * that they received.
   *
   * @throws {@link HandlerNotFoundError}, {@link AmbiguousHandlerError}
   */
  async resume(handler: string): Promise<void> {
    await this.each(this.find(handler), ({ runner }) => runner.resume(), 'handler-resumed');
  }

  /**
   * Stops a handler as a shutdown does: messages in flight may take up to the module's `shutdownTimeout`, and are then
   * returned to the server. It supersedes earlier commands that have not started.
   *
   * @throws {@link HandlerNotFoundError}, {@link AmbiguousHandlerError}
   */
  async stop(handler: string): Promise<void> {
    await this.each(this.find(handler), stopRunning, 'handler-stopped');
  }

  /**
   * Starts a handler that was stopped, or was not started with the application; a paused handler stays paused until
   * {@link resume}. Without a name, it starts all handlers that are stopped, for example because of
   * `handlers: { autoStart: false }`, except those whose option `enabled` is false: they are only started by their
   * names.
   *
   * The first start of a handler checks its options with the server, and creates what it needs there. It opens a connection
   * with `connect: 'lazy'`.
   *
   * A handler with a `durable` or `name` continues at its last position, and a watch after the last entry that it
   * handled. An `ordered` handler, and one without a name, start again at the position of their `deliverPolicy`: with
   * the default, the whole stream is delivered again. To interrupt them without that, use {@link pause} and
   * {@link resume}.
   *
   * @throws {@link HandlerNotFoundError}, {@link AmbiguousHandlerError}
   * @throws {@link HandlerConfigurationError} if the options are wrong for the server; without a name also if any
   * handler could not be started, after all others were
   * @throws {@link ConnectionFailedError} if the connection has `connect: 'lazy'`, is not open, and there is no server
   * @throws {@link ApplicationNotRunningError} without a name, before the application has started or after it was closed
   */
  async start(handler?: string): Promise<void> {
    if (handler !== undefined) {
      await this.each(this.find(handler), ({ runner }) => runner.start(), 'handler-started');
      return;
    }
    this.requireRunning('start', 'all handlers');
    const stopped = this.registered.filter(({ runner }) => {
      const { status, notStarted } = runner.state;
      return status === 'stopped' && notStarted !== 'enabled';
    });
    const names = stopped.map(({ runner }) => runner.state.handler);
    const outcomes = await this.outcomes(stopped, ({ runner }) => runner.start(), 'handler-started');
    throwProblems(outcomes, names);
  }

  /**
   * Binds a method of a provider or controller to a consumer, a watch or a subscription, and starts it. The method needs
   * no decorator of this library for that; it runs with its guards, pipes, interceptors and filters, those of its class
   * and the global ones, and its parameters may be decorated. The handler is listed like all others, counts in metrics
   * and health checks, and is stopped with the application.
   *
   * It needs nats-server 2.9, and otherwise what its options need. A method may be bound several times. The first handler is named by class and method, further ones get a number:
   * `Feeds.onPrice#2`.
   *
   * @example
   * ```ts
   * const handler = await this.handlers.bind(this, 'onPrice', { subscribe: { subject: `prices.${symbol}` } });
   * await handler.stop();
   * ```
   *
   * @param instance a provider or controller of the application that is not request-scoped
   * @param method the name of the method
   * @throws {@link ApplicationNotRunningError} before the application has started, or after it was closed
   * @throws {@link InvalidArgumentError} if the instance or its method cannot be bound, or the form is missing
   * @throws {@link HandlerConfigurationError} if options are wrong, or the handler cannot be created on the server
   * @throws {@link NotConnectedError}, {@link ConnectionClosedError} if the connection has no server, or is closed
   * @throws {@link ConnectionFailedError} if the connection has `connect: 'lazy'`, is not open, and there is no server
   */
  async bind<Instance extends object>(
    instance: Instance,
    method: keyof Instance & string,
    options: BindOptions,
  ): Promise<BoundHandler> {
    const target = nameText(method);
    return this.requireRunning('bind', target).bind(instance, method, options);
  }

  /**
   * Resolves when a handler, or every handler, has no messages in flight or buffered.
   *
   * @throws {@link HandlerNotFoundError}, {@link AmbiguousHandlerError}
   */
  async idle(handler?: string): Promise<void> {
    const handlers = handler === undefined ? this.registered : this.find(handler);
    await Promise.all(handlers.map(({ runner }) => runner.idle()));
  }

  /**
   * @internal Adds handlers, and starts them; resolves with the outcome of each.
   *
   * All consumers start together once every handler is prepared, and watches have handled the values that the startup
   * waits for: a failed startup has handled no messages, and messages arrive only after the application could install its
   * signal listeners.
   */
  async startAll(handlers: readonly RegisteredHandler[]): Promise<PromiseSettledResult<() => void>[]> {
    this.handlers = [...this.handlers, ...handlers];
    const outcomes = await Promise.allSettled(handlers.map(({ runner }) => runner.prepare()));
    const begins = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    if (begins.length < handlers.length) return outcomes;
    const waits = await Promise.allSettled(
      handlers.map(async ({ runner, jetstream }) => {
        if (jetstream.connection.isOpen) await runner.ready?.();
      }),
    );
    const failed = waits.filter((wait) => wait.status === 'rejected');
    if (failed.length > 0) return outcomes.map((outcome, i) => rejected(waits[i]) ?? outcome);
    for (const begin of begins) begin();
    return outcomes;
  }

  /** @internal Starts a handler that is added at run time. */
  async add(registered: RegisteredHandler): Promise<void> {
    this.handlers = [...this.handlers, registered];
    await this.each([registered], ({ runner }) => runner.start(), 'handler-started');
  }

  /** @internal Stops handlers, and removes them. */
  async remove(handlers: readonly RegisteredHandler[]): Promise<void> {
    try {
      await this.each(handlers, stopRunning, 'handler-stopped');
    } finally {
      this.handlers = this.handlers.filter((each) => !handlers.includes(each));
    }
  }

  /** @internal Called when the handlers of the application have started. */
  open(binder: Binder): void {
    if (!this.closed) this.binder = binder;
  }

  /** @internal Whether the application was closed. */
  get isClosed(): boolean {
    return this.closed;
  }

  /** @internal @throws {@link ApplicationNotRunningError} */
  requireRunning(call: 'start' | 'bind', target: string): Binder {
    if (this.binder === undefined) throw new ApplicationNotRunningError(call, target, this.closed);
    return this.binder;
  }

  /** @internal Called when the application is closed. */
  close(): void {
    this.closed = true;
    this.binder = undefined;
  }

  /**
   * @internal Stops the handlers of the application for the shutdown; a handler that does not stop in time is abandoned. Servers
   * stop their own handlers.
   */
  async stopAll(limit = Infinity): Promise<void> {
    await Promise.all(this.handlers.map((registered) => this.shutDown(registered, limit)));
  }

  private async shutDown({ runner, shutdown }: RegisteredHandler, limit: number): Promise<void> {
    await shutdown.spend(() => stopInTime(runner, Math.ceil(Math.min(shutdown.left, limit))));
  }

  private async each(
    handlers: readonly RegisteredHandler[],
    act: (registered: RegisteredHandler) => Promise<boolean>,
    type: CommandEvent,
  ): Promise<void> {
    for (const outcome of await this.outcomes(handlers, act, type))
      if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** @param act returns whether the command changed the state of the handler */
  private outcomes(
    handlers: readonly RegisteredHandler[],
    act: (registered: RegisteredHandler) => Promise<boolean>,
    type: CommandEvent,
  ): Promise<PromiseSettledResult<void>[]> {
    // All handlers get the command now, because the commands of each handler run in the order in which they are called.
    return Promise.allSettled(
      handlers.map(async (registered) => {
        if (!(await act(registered))) return;
        const { handler, connection, source } = registered.runner.state;
        const event: JetStreamEvent = { type, handler, connection, source, time: new Date() };
        this.events.emit(event);
      }),
    );
  }

  /** A method may have several decorators; their handlers share a name and are controlled together. */
  private find(handler: string): readonly [RegisteredHandler, ...RegisteredHandler[]] {
    const [first, ...rest] = this.registered.filter(({ runner }) => runner.state.handler === handler);
    if (first) return [first, ...rest];
    const names = this.list().map((state) => state.handler);
    const candidates = names.filter((name) => withoutModule(name) === handler);
    if (candidates.length > 0) throw new AmbiguousHandlerError(handler, candidates);
    throw new HandlerNotFoundError(nameText(handler), names);
  }
}

/** The events of commands. */
type CommandEvent = 'handler-paused' | 'handler-resumed' | 'handler-stopped' | 'handler-started';

/** Stops a handler; returns whether it ran. */
async function stopRunning({ runner, shutdown }: RegisteredHandler): Promise<boolean> {
  const wasStopped = runner.state.status === 'stopped';
  await runner.stop(shutdown.timeout);
  return !wasStopped;
}

function rejected(outcome: PromiseSettledResult<unknown> | undefined): PromiseRejectedResult | undefined {
  return outcome?.status === 'rejected' ? outcome : undefined;
}

/** The name of a handler without the parts that distinguish it: `Sales/Billing#2.onPaid` becomes `Billing.onPaid`. */
function withoutModule(name: string): string {
  return name.replace(/^[^/]*\//, '').replace(/#\d+/, '');
}
