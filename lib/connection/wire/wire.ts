import type { Msg, MsgHdrs, Subscription, SubscriptionOptions } from '@nats-io/transport-node';
import type { FailedOperation } from '../to-connection-error.js';

/** How messages go to the server and come from it. */
export interface Wire {
  /**
   * Sends a message within this turn of the event loop, in order with what the client sends. Without a link it is discarded.
   *
   * @param alone nothing else is expected in this turn: a short message may be written at once
   * @throws {@link InvalidSubjectError} where the line would be too long for the server
   * @throws the client's own error where the connection is closed, the subject is none, or the payload is too large
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
   * Subscribes. What the callback throws is reported, and its message is skipped. An error that ends the subscription, such as
   * a missing permission, is an error of this library.
   *
   * @throws as `publish`
   */
  subscribe(subject: string, options: WireSubscriptionOptions): Subscription;
  /** Gives the link up without waiting for what was not written yet. */
  abandon(): void;
}

/** A wire that several connections on one and the same `NatsConnection` share. */
export interface SharedWire extends Omit<Wire, 'subscribe'> {
  /** As {@link Wire.subscribe}; answers to the messages go through the subscriber, which also names the errors. */
  subscribe(subject: string, options: WireSubscriptionOptions, subscriber: WireSubscriber): Subscription;
}

/** The connection that subscribes. */
export interface WireSubscriber extends Pick<Wire, 'publish'> {
  /** The error of this library that a client's error stands for. */
  errorOf(thrown: unknown, operation: FailedOperation): Error;
}

/** Options of a subscription over a {@link Wire}. */
export interface WireSubscriptionOptions {
  readonly queue?: string | undefined;
  readonly callback: NonNullable<SubscriptionOptions['callback']>;
}
