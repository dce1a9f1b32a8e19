import type { JetStreamConnection } from '../../connection/index.js';
import { CommandQueue } from '../../timing/index.js';
import type { HandlerRunner, HandlerState, NotStarted } from './handler-runner.js';

/** What is known about a handler before its first start. */
export interface HeldState extends Pick<HandlerState, 'handler' | 'kind' | 'source' | 'delivery'> {
  readonly notStarted: NotStarted;
}

/**
 * A handler that the application does not start by itself. Nothing exists on the server for it until its first `start`,
 * which checks its options with the server, and creates the handler. From then on, it passes on all commands.
 */
export class HeldHandler implements HandlerRunner {
  private created: HandlerRunner | undefined;
  private readonly commands = new CommandQueue();
  private readonly heldSince = performance.now();
  /** How often `stop` was called. */
  private stops = 0;

  constructor(
    private readonly held: HeldState,
    private readonly connection: JetStreamConnection,
    /** Checks the handler with the server, and creates it, without starting it. */
    private readonly create: () => Promise<HandlerRunner>,
  ) {}

  get state(): HandlerState {
    const { created, held, connection } = this;
    if (created !== undefined) return created.state;
    const { kind } = held;
    return {
      ...held,
      connection: connection.name,
      ...(kind === 'consumer' && { consumer: '' }),
      status: 'stopped',
      statusAge: Math.floor(performance.now() - this.heldSince),
      connected: connection.hasLink,
      error: undefined,
      handled: 0,
      failed: 0,
      running: 0,
      waiting: 0,
      oldest: 0,
      circuitOpen: false,
    };
  }

  /** The startup of the application does not start it. */
  async prepare(): Promise<() => void> {
    return () => undefined;
  }

  /** @throws {@link HandlerConfigurationError} if its options are wrong for the server */
  start(): Promise<boolean> {
    const { stops } = this;
    return this.commands.run(async () => {
      if (stops !== this.stops) return false;
      const created = (this.created ??= await this.create());
      // It was stopped while it was created.
      return stops === this.stops ? created.start() : false;
    });
  }

  async pause(): Promise<boolean> {
    return this.commands.run(async () => this.created?.pause() ?? false);
  }

  async resume(): Promise<boolean> {
    return this.commands.run(async () => this.created?.resume() ?? false);
  }

  async idle(): Promise<void> {
    await this.created?.idle();
  }

  async stop(timeout: number): Promise<void> {
    this.stops++;
    await this.created?.stop(timeout);
  }
}
