import type { Msg, MsgHdrs, Subscription, SubscriptionOptions } from '@nats-io/transport-node';
import type { FailedOperation } from '../to-connection-error.js';

/** Sends messages to the server and receives them. */
export interface Wire {
  /**
   * Sends a message within this turn of the event loop, in order with messages of the client. It is discarded if there
   * is no link.
   *
   * @param alone no other data is expected in this turn, so a short message may be written immediately
   * @throws {@link InvalidSubjectError} if the line would be too long for the server
   * @throws the client's own error if the connection is closed, the subject is invalid, or the payload is too large
   */
  publish(
    subject: string,
    data: Uint8Array | string,
    reply?: string,
    headers?: MsgHdrs,
    alone?: boolean,
  ): void;
  /**
   * Publishes to the reply subject of a message.
   *
   * @param text short printable ASCII, which is not checked
   * @throws as `publish`
   */
  answer(message: Msg, text: string): void;
  /**
   * Subscribes. Errors of the callback are reported, and the message is skipped. An error that ends the subscription,
   * such as a missing permission, is an error of this library.
   *
   * @throws as `publish`
   */
  subscribe(subject: string, options: WireSubscriptionOptions): Subscription;
  /** Abandons the link without waiting for pending writes. */
  abandon(): void;
}

/** A wire that several connections on the same `NatsConnection` share. */
export interface SharedWire extends Omit<Wire, 'subscribe'> {
  /**
   * Like {@link Wire.subscribe}; answers to the messages are sent through the subscriber, which also translates errors.
   */
  subscribe(subject: string, options: WireSubscriptionOptions, subscriber: WireSubscriber): Subscription;
}

/** The connection that subscribes. */
export interface WireSubscriber extends Pick<Wire, 'publish'> {
  /** Translates a client's error to an error of this library. */
  errorOf(thrown: unknown, operation: FailedOperation): Error;
}

/** Options of a subscription over a {@link Wire}. */
export interface WireSubscriptionOptions {
  readonly queue?: string | undefined;
  readonly callback: NonNullable<SubscriptionOptions['callback']>;
}
