import type { BeforeApplicationShutdown, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { HandlerConnection } from '../handlers/index.js';
import type { ApplicationBoot } from './application-boot.js';

/** What a server that is there gets at least for what must be sent, in milliseconds, though handlers took all the time. */
const LEAST = 250;

/**
 * Ends a connection when the application shuts down: handlers have stopped then, and their time is a part of the same
 * `shutdownTimeout`. Nothing is waited for without a link to a server.
 */
export class ConnectionLifecycle implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    private readonly connection: HandlerConnection,
    private readonly boot: ApplicationBoot,
  ) {}

  onModuleInit(): void {
    this.boot.succeed();
  }

  /** Locks are given back while other providers can still use the connection. */
  async beforeApplicationShutdown(): Promise<void> {
    const { keyValue, shutdown, declared } = this.connection;
    declared.close();
    await shutdown.spend(() => keyValue.releaseLeases(this.left));
  }

  async onApplicationShutdown(): Promise<void> {
    const { jetstream, objectStore, shutdown } = this.connection;
    await shutdown.spend(async () => {
      await objectStore.close(this.left);
      await jetstream.drain(this.left);
      await jetstream.connection.drain(this.left);
      jetstream.requests.close();
    });
  }

  private get left(): number {
    const { jetstream, shutdown } = this.connection;
    return jetstream.connection.hasLink ? Math.max(LEAST, Math.ceil(shutdown.left)) : 0;
  }
}
