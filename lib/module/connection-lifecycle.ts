import type { OnApplicationShutdown } from '@nestjs/common';
import type { JetStreamService } from '../jetstream/index.js';

/** Ends a connection when the application shuts down: after all handlers and all other modules. */
export class ConnectionLifecycle implements OnApplicationShutdown {
  constructor(private readonly jetstream: JetStreamService) {}

  async onApplicationShutdown(): Promise<void> {
    await this.jetstream.connection.drain();
  }
}
