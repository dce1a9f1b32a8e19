import type { Logger } from '@nestjs/common';
import type { JetStreamConnection } from '../../connection/index.js';
import { ConnectionClosedError } from '../../errors/index.js';
import { errorText } from '../../reporting/index.js';
import { CommandQueue, Deadline } from '../../timing/index.js';
import type { HandlerRunner, HandlerState, HandlerStatus } from './handler-runner.js';
import { InFlightAges } from './in-flight-ages.js';

/**
 * The commands of one handler. They run one after the other: `start` during a `stop` waits for it, a second `resume`
 * finds the handler running. `stop` and the end of the connection interrupt the handler's waits, and a `stop`
 * supersedes earlier commands that have not started.
 *
 * So there is one run at a time: a command starts a run only when the previous one has ended. A subclass may still be
 * waiting when its run ends, and the signal of the run is then aborted: the subclass must close what it has opened for
 * that run, and nothing else.
 */
export abstract class ControlledHandler implements HandlerRunner {
  /** Aborted when the current run ends: by `pause`, `stop`, or the end of the connection. */
  protected run = new AbortController();
  /** Why the handler is recovering, or was stopped by the end of its connection. */
  protected error: Error | undefined;
  private readonly commands = new CommandQueue();
  private readonly ages = new InFlightAges(() => this.unfinished());
  private currentStatus: HandlerStatus = 'stopped';
  private statusSince = performance.now();
  private forget: (() => void) | undefined;
  private isOpen = false;
  /** How often `stop` was called. */
  private stops = 0;

  constructor(
    private readonly connection: JetStreamConnection,
    protected readonly logger: Logger,
  ) {}

  abstract readonly state: HandlerState;
  abstract idle(): Promise<void>;

  protected get status(): HandlerStatus {
    return this.currentStatus;
  }

  protected set status(status: HandlerStatus) {
    if (status === this.currentStatus) return;
    this.currentStatus = status;
    this.statusSince = performance.now();
    if (status !== 'recovering') this.error = undefined;
  }

  /** The part of the state that is the same for all kinds of handlers. */
  protected get condition(): Pick<HandlerState, 'status' | 'statusAge' | 'connected' | 'error' | 'oldest'> {
    const { status, error } = this;
    return {
      status,
      statusAge: Math.floor(performance.now() - this.statusSince),
      connected: this.connection.hasLink,
      error,
      oldest: this.ages.oldest,
    };
  }

  /** The messages, entries or batches whose handler has been called and has not ended. */
  protected abstract unfinished(): Iterable<object>;

  /**
   * Does the work that takes time or may fail. The returned function starts the handler; it is not called if the signal
   * has been aborted by then.
   */
  protected abstract open(signal: AbortSignal): Promise<() => void>;
  /** Stops receiving, and returns buffered messages. */
  protected abstract suspend(): Promise<void>;
  /** Continues after `suspend`, unless the signal is aborted in the meantime. */
  protected abstract proceed(signal: AbortSignal): Promise<void>;
  /**
   * Ends the handler.
   *
   * @param left the time that earlier commands left of `timeout`, in milliseconds
   */
  protected abstract end(left: number, timeout: number): Promise<void>;
  /** Called when the connection is closed for good. */
  protected abstract disconnected(): void;

  prepare(): Promise<() => void> {
    const nothing = (): void => undefined;
    return this.inTurn(async () => (this.status === 'stopped' ? this.begin() : nothing), nothing);
  }

  start(): Promise<boolean> {
    return this.inTurn(async () => {
      if (this.status !== 'stopped') return false;
      const begin = await this.begin();
      return begin();
    }, false);
  }

  pause(): Promise<boolean> {
    return this.inTurn(async () => {
      if (this.status !== 'running' && this.status !== 'recovering') return false;
      this.status = 'paused';
      this.run.abort();
      await this.suspend();
      return true;
    }, false);
  }

  resume(): Promise<boolean> {
    return this.inTurn(async () => {
      if (this.status !== 'paused') return false;
      const run = (this.run = new AbortController());
      try {
        await this.proceed(run.signal);
      } catch (error) {
        run.abort();
        throw error;
      }
      return !run.signal.aborted;
    }, false);
  }

  stop(timeout: number): Promise<void> {
    const deadline = new Deadline(timeout);
    this.stops++;
    this.halt();
    let onTurn = (): void => {};
    const turn = new Promise<void>((resolve) => (onTurn = resolve));
    const ending = this.endAfter(turn, deadline, timeout);
    void this.commands.run(() => {
      onTurn();
      return ending.catch(() => undefined);
    });
    return ending;
  }

  /** Runs a command after earlier ones. If it has not started when `stop` is called, it resolves with `superseded`. */
  private inTurn<T>(command: () => Promise<T>, superseded: T): Promise<T> {
    const { stops } = this;
    return this.commands.run(() => (stops === this.stops ? command() : superseded));
  }

  /** A command that waits for an unresponsive server does not delay the end beyond the deadline. */
  private async endAfter(turn: Promise<void>, deadline: Deadline, timeout: number): Promise<void> {
    await deadline.wait(turn);
    this.forget?.();
    this.forget = undefined;
    this.ages.stop();
    if (!this.isOpen) return;
    this.isOpen = false;
    await this.end(deadline.left, timeout);
  }

  /** Opens a run. The returned function starts it, and returns `false` if the run has ended in the meantime. */
  private async begin(): Promise<() => boolean> {
    // `stop` waits for work that is still running after the connection was closed; a new run must not replace it.
    if (this.connection.nc.isClosed()) throw new ConnectionClosedError(this.connection.name);
    this.status = 'starting';
    const { signal } = (this.run = new AbortController());
    this.isOpen = true;
    this.ages.start();
    this.forget ??= this.connection.listen({ onClose: (error) => this.onClose(error) });
    try {
      const begin = await this.open(signal);
      return () => {
        if (signal.aborted) return false;
        begin();
        return true;
      };
    } catch (error) {
      this.halt();
      throw error;
    }
  }

  private halt(): void {
    this.status = 'stopped';
    this.run.abort();
  }

  private onClose(error: Error | undefined): void {
    this.forget = undefined;
    if (this.status === 'stopped') return;
    this.halt();
    this.error = new ConnectionClosedError(this.connection.name, { cause: error });
    const { handler } = this.state;
    const cause = error === undefined ? '' : `: ${errorText(error)}`;
    this.logger.error(`${handler} is stopped: the connection "${this.connection.name}" is closed${cause}`);
    this.disconnected();
  }
}
