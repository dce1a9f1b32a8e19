import { Inject, Injectable } from '@nestjs/common';
import { AmbiguousHandlerError, HandlerNotFoundError } from '../errors/index.js';
import { nameText } from '../reporting/index.js';
import type { TimeBudget } from '../timing/index.js';
import { type JetStreamEvent, JetStreamEvents } from './events/index.js';
import { type HandlerRunner, type HandlerState, stopInTime } from './running/index.js';

/** A handler that was started. */
export interface RegisteredHandler {
  readonly runner: HandlerRunner;
  /** How long all stages of the shutdown may take together; its timeout is also what stopping it at run time may take. */
  readonly shutdown: TimeBudget;
}

/**
 * The handlers of the application at run time: their states and figures, and control over them.
 *
 * Handlers are named by class and method, such as `Billing.onCreated`; by the class alone if its methods share a
 * consumer. If several modules provide the class, or classes of one name, the name of the module comes first:
 * `Sales/Billing.onCreated`; and a number last if that is not unique either: `Sales/Billing#2.onCreated`.
 */
@Injectable()
export class Handlers {
  private handlers: readonly RegisteredHandler[] = [];

  /** @internal */
  constructor(@Inject(JetStreamEvents) private readonly events: JetStreamEvents) {}

  /** The state and figures of every handler, at this moment. */
  list(): readonly HandlerState[] {
    return this.handlers.map(({ runner }) => runner.state);
  }

  /**
   * The state and figures of one handler.
   *
   * @throws {@link HandlerNotFoundError}, {@link AmbiguousHandlerError}
   */
  get(handler: string): HandlerState {
    return this.find(handler)[0].runner.state;
  }

  /**
   * Lets a handler take nothing new: what is buffered is given back, for other instances to take; what is in flight goes
   * on. Its consumer stays. What cannot be given back is handled: messages in their last delivery, and all messages
   * without acknowledgements (`ackMode: 'none'`, `ordered`).
   *
   * The commands of one handler run one after the other, whether or not they are waited for, so that it ends as the last one
   * says; a `stop` supersedes those before it that have not begun. A command that changes nothing, such as a second `pause`,
   * emits no event.
   *
   * With a `concurrency` of 1, messages that were given back may be handled after later ones: the server delivers them again
   * when it may, and not in their old place. Only `ordered` keeps the order across a pause.
   *
   * @throws {@link HandlerNotFoundError}, {@link AmbiguousHandlerError}
   */
  async pause(handler: string): Promise<void> {
    await this.each(handler, ({ runner }) => runner.pause(), 'handler-paused');
  }

  /**
   * Goes on after {@link pause}: an `ordered` handler and a watch after the last message or entry that they got.
   *
   * @throws {@link HandlerNotFoundError}, {@link AmbiguousHandlerError}
   */
  async resume(handler: string): Promise<void> {
    await this.each(handler, ({ runner }) => runner.resume(), 'handler-resumed');
  }

  /**
   * Stops a handler as a shutdown does: what is in flight may take up to the module's `shutdownTimeout`, and is given back
   * then. It stands for all commands before it that have not begun.
   *
   * @throws {@link HandlerNotFoundError}, {@link AmbiguousHandlerError}
   */
  async stop(handler: string): Promise<void> {
    await this.each(
      handler,
      async ({ runner, shutdown }) => {
        const wasStopped = runner.state.status === 'stopped';
        await runner.stop(shutdown.timeout);
        return !wasStopped;
      },
      'handler-stopped',
    );
  }

  /**
   * Starts a handler that was stopped; one that is paused stays so until {@link resume}.
   *
   * A handler with a `durable` or `name` goes on where it was, and a watch after the last entry that it handled. An `ordered`
   * handler, and one without a name, begin again where their `deliverPolicy` says: with the default, the whole stream is
   * delivered again. To interrupt them without that, use {@link pause} and {@link resume}.
   *
   * @throws {@link HandlerNotFoundError}, {@link AmbiguousHandlerError}
   */
  async start(handler: string): Promise<void> {
    await this.each(handler, ({ runner }) => runner.start(), 'handler-started');
  }

  /**
   * Resolves when a handler, or every handler, has nothing in flight and nothing buffered.
   *
   * @throws {@link HandlerNotFoundError}, {@link AmbiguousHandlerError}
   */
  async idle(handler?: string): Promise<void> {
    const handlers = handler === undefined ? this.handlers : this.find(handler);
    await Promise.all(handlers.map(({ runner }) => runner.idle()));
  }

  /**
   * @internal Starts all; resolves with what became of each.
   *
   * Consumers begin together, once all can: a boot that fails has handled nothing, and messages come only after the
   * application could listen to signals.
   */
  async startAll(handlers: readonly RegisteredHandler[]): Promise<PromiseSettledResult<() => void>[]> {
    this.handlers = handlers;
    const outcomes = await Promise.allSettled(handlers.map(({ runner }) => runner.prepare()));
    const begins = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    if (begins.length === handlers.length) for (const begin of begins) begin();
    return outcomes;
  }

  /** @internal Stops all, for the shutdown; a handler that does not stop in time is left behind. */
  async stopAll(limit = Infinity): Promise<void> {
    await Promise.all(this.handlers.map((registered) => this.shutDown(registered, limit)));
  }

  private async shutDown({ runner, shutdown }: RegisteredHandler, limit: number): Promise<void> {
    await shutdown.spend(() => stopInTime(runner, Math.ceil(Math.min(shutdown.left, limit))));
  }

  private async each(
    handler: string,
    /** Whether it changed what the handler does. */
    act: (registered: RegisteredHandler) => Promise<boolean>,
    type: 'handler-paused' | 'handler-resumed' | 'handler-stopped' | 'handler-started',
  ): Promise<void> {
    // All get the command now: the commands of each run in the order in which they were given here.
    const outcomes = await Promise.allSettled(
      this.find(handler).map(async (registered) => {
        if (!(await act(registered))) return;
        const { connection, source } = registered.runner.state;
        const event: JetStreamEvent = { type, handler, connection, source, time: new Date() };
        this.events.emit(event);
      }),
    );
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** A method may carry several decorators: its handlers share a name, and are controlled together. */
  private find(handler: string): readonly [RegisteredHandler, ...RegisteredHandler[]] {
    const [first, ...rest] = this.handlers.filter(({ runner }) => runner.state.handler === handler);
    if (first) return [first, ...rest];
    const names = this.list().map((state) => state.handler);
    const candidates = names.filter((name) => withoutModule(name) === handler);
    if (candidates.length > 0) throw new AmbiguousHandlerError(handler, candidates);
    throw new HandlerNotFoundError(nameText(handler), names);
  }
}

/** The name of a handler without what tells it from others of its class: `Sales/Billing#2.onPaid` is called `Billing.onPaid`. */
function withoutModule(name: string): string {
  return name.replace(/^[^/]*\//, '').replace(/#\d+/, '');
}
