import { Logger } from '@nestjs/common';
import type { NatsConnection, PermissionViolationError, Status } from '@nats-io/transport-node';
import { errorText, toError } from '../reporting/index.js';
import { UserCalls } from '../user-code/index.js';

/**
 * The events of a connection. Errors and rejections of a listener are logged, and do not affect the other listeners.
 */
export interface ConnectionListener {
  /** The link to the server was lost; the client keeps trying to restore it. */
  onDisconnect?(): void;
  /** The link is restored, possibly to another server; subscriptions are already restored. */
  onReconnect?(): void;
  /** The connection is closed for good. */
  onClose?(error: Error | undefined): void;
  /** The server refused a subscription or a published message. */
  onPermissionDenied?(error: PermissionViolationError): void;
}

/** The client's status iterator can be stopped, but its type does not declare it. */
type StatusIterator = AsyncIterable<Status> & { stop?: () => void };

/** Reads a connection's status with one iterator for all listeners, instead of one for each consumer. */
export class ConnectionEvents {
  private readonly logger = new Logger('NatsConnection');
  private readonly calls = new UserCalls(this.logger);
  private readonly listeners = new Set<ConnectionListener>();
  private statuses: StatusIterator | undefined;
  private ended = false;

  constructor(
    private readonly connection: string,
    private readonly nc: NatsConnection,
  ) {}

  /**
   * Adds a listener; the returned function removes it. A listener that is added after the end is notified in the next
   * microtask.
   */
  listen(listener: ConnectionListener): () => void {
    this.listeners.add(listener);
    if (this.ended) queueMicrotask(() => this.tellLate(listener));
    else if (this.statuses === undefined) this.follow();
    return () => this.listeners.delete(listener);
  }

  /**
   * Ends the events: all listeners are notified that the connection is closed. The `NatsConnection` may still be in
   * use, if the application owns it.
   */
  end(error?: Error): void {
    if (this.ended) return;
    this.ended = true;
    this.statuses?.stop?.();
    this.statuses = undefined;
    this.tell('onClose', (listener) => listener.onClose?.(error));
    this.listeners.clear();
  }

  private follow(): void {
    this.statuses = this.nc.status();
    void this.read(this.statuses);
    this.nc.closed().then(
      (error) => this.end(error ?? undefined),
      (error: unknown) => this.end(toError(error)),
    );
  }

  private async read(statuses: StatusIterator): Promise<void> {
    try {
      for await (const status of statuses) {
        if (status.type === 'disconnect') this.tell('onDisconnect', (listener) => listener.onDisconnect?.());
        else if (status.type === 'reconnect')
          this.tell('onReconnect', (listener) => listener.onReconnect?.());
        else if (status.type === 'error' && isPermissionViolation(status.error)) {
          const { error } = status;
          this.tell('onPermissionDenied', (listener) => listener.onPermissionDenied?.(error));
        }
      }
    } catch (thrown) {
      this.logger.error(
        `Connection "${this.connection}": its status can no longer be read, so disconnects are not noticed: ` +
          `${errorText(thrown)}. Close the connection and open another.`,
      );
    }
  }

  private tellLate(listener: ConnectionListener): void {
    if (this.listeners.delete(listener))
      this.tellOne(listener, 'onClose', (late) => late.onClose?.(undefined));
  }

  private tell(event: keyof ConnectionListener, call: (listener: ConnectionListener) => unknown): void {
    for (const listener of this.listeners) this.tellOne(listener, event, call);
  }

  private tellOne(
    listener: ConnectionListener,
    event: keyof ConnectionListener,
    call: (listener: ConnectionListener) => unknown,
  ): void {
    this.calls.call(`${event} of a listener of connection "${this.connection}"`, () => call(listener));
  }
}

/** Compared by name, because the application may have created the connection with another copy of the client. */
function isPermissionViolation(error: Error): error is PermissionViolationError {
  return error.name === 'PermissionViolationError';
}
