import {
  type BeforeApplicationShutdown,
  Logger,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import type { HandlerConnection } from '../handlers/index.js';
import type { ApplicationBoot } from './application-boot.js';

/**
 * The minimum time for sending buffered messages to a responding server, in milliseconds, even if handlers used up all
 * of the shutdown.
 */
const LEAST = 250;

/**
 * Ends a connection when the application shuts down. Handlers have stopped by then, and their time is part of the same
 * `shutdownTimeout`. It does not wait without a link to a server.
 */
export class ConnectionLifecycle implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  private readonly logger = new Logger('NatsConnection');

  constructor(
    private readonly connection: HandlerConnection,
    private readonly boot: ApplicationBoot,
  ) {}

  onModuleInit(): void {
    this.boot.succeed();
  }

  /** Locks are released while other providers can still use the connection. */
  async beforeApplicationShutdown(): Promise<void> {
    const { keyValue, shutdown, declared } = this.connection;
    declared.close();
    await shutdown.spend(() => keyValue.releaseLeases(this.left));
  }

  async onApplicationShutdown(): Promise<void> {
    const { jetstream, objectStore, shutdown } = this.connection;
    await shutdown.spend(async () => {
      await objectStore.close(this.left);
      await jetstream.closePublishing(this.left);
      await jetstream.connection.drain(this.left);
      jetstream.requests.close();
    });
    const { name, status, isOpen, isLazy } = jetstream.connection;
    // It was never opened.
    if (isLazy && !isOpen) return;
    this.logger.log(
      status.owned
        ? `Connection "${name}": closed`
        : `Connection "${name}": no longer used; it belongs to the application and stays open`,
    );
  }

  private get left(): number {
    const { jetstream, shutdown } = this.connection;
    return jetstream.connection.hasLink ? Math.max(LEAST, Math.ceil(shutdown.left)) : 0;
  }
}
