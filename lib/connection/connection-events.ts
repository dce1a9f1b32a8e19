import type { NatsConnection } from '@nats-io/transport-node';

/** What listeners of a connection hear of. */
export interface ConnectionListener {
  /** The link to the server broke; the client keeps trying to restore it. */
  onDisconnect?(): void;
  /** The link is back, perhaps to another server; subscriptions are restored already. */
  onReconnect?(): void;
  /** The connection is closed for good. */
  onClose?(error: Error | undefined): void;
}

/** Follows a connection's status once for all who want to know: one iterator, not one for each consumer. */
export class ConnectionEvents {
  private readonly listeners = new Set<ConnectionListener>();
  private following = false;

  constructor(private readonly nc: NatsConnection) {}

  /** Adds a listener; the returned function removes it. */
  listen(listener: ConnectionListener): () => void {
    this.listeners.add(listener);
    if (!this.following) {
      this.following = true;
      void this.follow();
      void this.nc.closed().then((error) => this.closed(error ?? undefined));
    }
    return () => this.listeners.delete(listener);
  }

  private async follow(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === 'disconnect') for (const listener of this.listeners) listener.onDisconnect?.();
      else if (status.type === 'reconnect') for (const listener of this.listeners) listener.onReconnect?.();
    }
  }

  private closed(error: Error | undefined): void {
    for (const listener of this.listeners) listener.onClose?.(error);
    this.listeners.clear();
  }
}
