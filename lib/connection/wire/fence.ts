import { Logger } from '@nestjs/common';
import type { Msg, NatsConnection, Subscription, SubscriptionOptions } from '@nats-io/transport-node';
import { errorStack, errorText, heldBackText, printable, ReportLimiter } from '../../reporting/index.js';
import { pendingThenable } from '../../user-code/index.js';
import type { ClientProtocol, ClientSubscription } from './client-protocol.js';

type Callback = NonNullable<SubscriptionOptions['callback']>;

/**
 * Stands between the reader of a link and the callbacks of subscriptions. A reader that a callback's error reached would
 * take it for bytes that cannot be parsed, or stop reading: either way everybody on the connection would suffer from it. So
 * what a callback throws is reported, the message is skipped, and reading goes on.
 */
export class Fence {
  private readonly logger = new Logger('NatsConnection');
  private readonly limiter = new ReportLimiter();
  private readonly subscribeToClient: NatsConnection['subscribe'];

  constructor(nc: NatsConnection) {
    this.subscribeToClient = nc.subscribe.bind(nc);
  }

  /** Subscribes through the client, with a callback that does not throw. */
  subscribe(subject: string, options: SubscriptionOptions | undefined): Subscription {
    const callback = options?.callback;
    if (callback === undefined) return this.subscribeToClient(subject, options);
    return this.subscribeToClient(subject, { ...options, callback: this.around(subject, callback) });
  }

  /** Reports what a callback threw. */
  report(subject: string, thrown: unknown): void {
    const heldBack = this.limiter.admit(subject);
    if (heldBack === undefined) return;
    this.logger.error(
      `A callback of the subscription to "${printable(subject)}" failed, so its message is skipped` +
        `${heldBackText(heldBack)}. Catch errors in the callback: ${errorText(thrown)}`,
      errorStack(thrown),
    );
  }

  /** A callback that does not throw, and whose promise, if it is asynchronous, is not left to reject unheard. */
  around(subject: string, callback: Callback): Callback {
    const failed = (thrown: unknown): void => this.report(subject, thrown);
    return (error: Error | null, message: Msg) => {
      try {
        const result: unknown = callback(error, message);
        if (result !== undefined) pendingThenable(result)?.catch(failed);
      } catch (thrown) {
        failed(thrown);
      }
    };
  }
}

/**
 * Puts the fence around all subscriptions of a connection, also those that the application makes or has made itself: they
 * have the same reader.
 */
export function fenceSubscriptions(nc: NatsConnection, protocol: Partial<ClientProtocol> | undefined): Fence {
  const fence = new Fence(nc);
  for (const subscription of protocol?.subscriptions?.all() ?? []) {
    if (!Object.hasOwn(subscription, 'callback')) continue;
    const callback = subscription.callback.bind(subscription);
    const fenced = fence.around(subscription.getSubject(), callback);
    (subscription as Writable<ClientSubscription>).callback = (error, message) => void fenced(error, message);
  }
  // A connection that cannot be written to keeps its own method: then the application's callbacks are its own affair.
  Reflect.set(nc, 'subscribe', (subject: string, options?: SubscriptionOptions) =>
    fence.subscribe(subject, options),
  );
  return fence;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };
