import type { OnApplicationShutdown } from '@nestjs/common';
import type { JetStreamService } from '../jetstream/index.js';

/** Ends a connection when the application shuts down: after all handlers and all other modules. */
export class ConnectionLifecycle implements OnApplicationShutdown {
  constructor(
    private readonly jetstream: JetStreamService,
    /** How long publishes may wait for their acknowledgements, in milliseconds. */
    private readonly timeout: number,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    const { connection, requests } = this.jetstream;
    await this.jetstream.drain(this.timeout);
    await connection.drain();
    requests.close();
  }
}
