import type { Logger } from '@nestjs/common';
import type { JetStreamConnection } from '../../connection/index.js';
import { ConnectionClosedError } from '../../errors/index.js';
import { errorText } from '../../reporting/index.js';
import { CommandQueue, Deadline } from '../../timing/index.js';
import type { HandlerRunner, HandlerState, HandlerStatus } from './handler-runner.js';

/**
 * The commands of one handler. They run one after the other: `start` during a `stop` waits for it, a second `resume` finds
 * the handler running. `stop` and the end of the connection cut short what the handler waits for, and a `stop` supersedes
 * the commands before it that have not begun.
 *
 * So there is one run at a time: a command begins one only when the run before it has ended. What a subclass waits for may
 * outlast its run, whose signal is then aborted: it must close what it opened meanwhile, and nothing else.
 */
export abstract class ControlledHandler implements HandlerRunner {
  protected status: HandlerStatus = 'stopped';
  /** Aborted when the present run ends: by `pause`, `stop`, or the end of the connection. */
  protected run = new AbortController();
  private readonly commands = new CommandQueue();
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

  /** Does all that takes time or may fail; the function begins, and is not called if the signal is aborted by then. */
  protected abstract open(signal: AbortSignal): Promise<() => void>;
  /** Takes nothing new, and gives back what is buffered. */
  protected abstract suspend(): Promise<void>;
  /** Goes on after `suspend`, unless the signal is aborted meanwhile. */
  protected abstract proceed(signal: AbortSignal): Promise<void>;
  /**
   * Ends.
   *
   * @param left how long that may take, in milliseconds: what earlier commands left of `timeout`
   */
  protected abstract end(left: number, timeout: number): Promise<void>;
  /** The connection is closed for good. */
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

  /** Runs a command after those before it; one that has not begun when `stop` is called resolves with `superseded`. */
  private inTurn<T>(command: () => Promise<T>, superseded: T): Promise<T> {
    const { stops } = this;
    return this.commands.run(() => (stops === this.stops ? command() : superseded));
  }

  /** A command that hangs, as its server does, does not hold up the end beyond the deadline. */
  private async endAfter(turn: Promise<void>, deadline: Deadline, timeout: number): Promise<void> {
    await deadline.wait(turn);
    this.forget?.();
    this.forget = undefined;
    if (!this.isOpen) return;
    this.isOpen = false;
    await this.end(deadline.left, timeout);
  }

  /** Opens a run; the function begins it, and tells whether it did: not if the run has ended meanwhile. */
  private async begin(): Promise<() => boolean> {
    // What still runs after the connection was closed is waited for by `stop`: another run must not take its place.
    if (this.connection.nc.isClosed()) throw new ConnectionClosedError(this.connection.name);
    this.status = 'starting';
    const { signal } = (this.run = new AbortController());
    this.isOpen = true;
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
    const { handler } = this.state;
    const cause = error === undefined ? '' : `: ${errorText(error)}`;
    this.logger.error(`${handler} is stopped: the connection "${this.connection.name}" is closed${cause}`);
    this.disconnected();
  }
}
