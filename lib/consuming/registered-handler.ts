import type { JetStreamService } from '../jetstream/index.js';
import type { TimeBudget } from '../timing/index.js';
import type { HandlerRunner } from './running/index.js';

/** A handler that was started. */
export interface RegisteredHandler {
  readonly runner: HandlerRunner;
  /** The service of its connection. */
  readonly jetstream: JetStreamService;
  /**
   * The time that all stages of the shutdown may take together; its timeout also limits stopping the handler at run
   * time.
   */
  readonly shutdown: TimeBudget;
  /** How many messages it handles at once, if that is limited by an option. */
  readonly concurrency?: number | undefined;
  /** When its schedule is due, if it has one. */
  readonly schedule?: string | undefined;
}

/** A microservice server of the application, while it listens. */
export interface ListeningServer {
  /** The service of its connection: its own, or one that it shares with the application. */
  readonly jetstream: JetStreamService;
  /** The handlers of its durable events and requests. */
  readonly handlers: readonly RegisteredHandler[];
}
