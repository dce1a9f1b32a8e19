import type { Msg, MsgHdrs, Subscription } from '@nats-io/transport-node';
import { toConnectionError, type FailedConnection, type FailedOperation } from '../to-connection-error.js';
import type { SharedWire, Wire, WireSubscriber, WireSubscriptionOptions } from './wire.js';

/**
 * The wire of one connection: errors of the client are translated to errors of this library that name the connection.
 */
export class ConnectionWire implements Wire, WireSubscriber {
  constructor(
    private readonly connection: FailedConnection,
    /** Shared by all connections on the same `NatsConnection`. */
    readonly shared: SharedWire,
  ) {}

  publish(
    subject: string,
    data: Uint8Array | string,
    reply?: string,
    headers?: MsgHdrs,
    alone?: boolean,
  ): void {
    try {
      this.shared.publish(subject, data, reply, headers, alone);
    } catch (thrown) {
      throw this.errorOf(thrown, { subject, reply, data });
    }
  }

  answer(message: Msg, text: string): void {
    try {
      this.shared.answer(message, text);
    } catch (thrown) {
      throw this.errorOf(thrown, { subject: message.reply ?? '' });
    }
  }

  subscribe(subject: string, options: WireSubscriptionOptions): Subscription {
    try {
      return this.shared.subscribe(subject, options, this);
    } catch (thrown) {
      throw this.errorOf(thrown, { subject });
    }
  }

  errorOf(thrown: unknown, operation: FailedOperation): Error {
    return toConnectionError(thrown, this.connection, operation);
  }

  abandon(): void {
    this.shared.abandon();
  }
}
