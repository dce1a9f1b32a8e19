import type { HandlerEnabled, NotStarted } from '../../consuming/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import type { OptionsResolver } from './options-resolver.js';

/** Whether a handler is started with the application, and the connection to plan it with. */
export interface Starting {
  readonly connection: HandlerConnection;
  readonly notStarted: NotStarted | undefined;
}

/** Decides which handlers are started with the application. Others are planned without asking their server. */
export class StartingRule {
  private readonly offline = new Map<HandlerConnection, HandlerConnection>();

  constructor(
    private readonly options: OptionsResolver,
    /** Whether all handlers are planned to run, because they are started by a command, or only described. */
    private readonly all: boolean,
  ) {}

  /** @throws Error if `enabled` is a factory that fails */
  async of(connection: HandlerConnection, enabled: HandlerEnabled = true): Promise<Starting> {
    if (this.all) return { connection, notStarted: undefined };
    const notStarted = reasonOf(connection, await this.options.enabled(enabled));
    return { connection: notStarted === undefined ? connection : this.withoutServer(connection), notStarted };
  }

  private withoutServer(connection: HandlerConnection): HandlerConnection {
    let offline = this.offline.get(connection);
    if (offline === undefined) this.offline.set(connection, (offline = connection.withoutServer()));
    return offline;
  }
}

function reasonOf({ autoStart, jetstream }: HandlerConnection, enabled: boolean): NotStarted | undefined {
  if (!enabled) return 'enabled';
  // A connection with connect: 'lazy' may have been opened by a call before the handlers were found.
  if (!jetstream.connection.isOpen || jetstream.connection.isLazy) return 'connect';
  return autoStart ? undefined : 'autoStart';
}
