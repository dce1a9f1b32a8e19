import { Logger } from '@nestjs/common';
import {
  NatsConnectionImpl,
  type Msg,
  type NatsConnection,
  type SubscriptionOptions,
} from '@nats-io/transport-node';
import { errorStack, errorText, heldBackText, printable, ReportLimiter } from '../../reporting/index.js';
import { pendingThenable } from '../../user-code/index.js';

type Callback = NonNullable<SubscriptionOptions['callback']>;
/** The kind of reports about the link itself; it contains a blank, unlike subjects. */
const LINK = 'the link';

/**
 * Isolates the reader of a link from the callbacks of subscriptions. If an error of a callback reached the reader, it
 * would be taken for a parse error, or stop the reader: either way, all subscriptions of the connection would be
 * affected. So the error is reported, the message is skipped, and reading continues.
 */
export class Fence {
  private readonly logger = new Logger('NatsConnection');
  private readonly limiter = new ReportLimiter();

  /** Reports an error of a callback. */
  report(subject: string, thrown: unknown): void {
    const heldBack = this.limiter.admit(subject);
    if (heldBack === undefined) return;
    this.logger.error(
      `A callback of the subscription to "${printable(subject)}" failed, so its message is skipped` +
        `${heldBackText(heldBack)}. Catch errors in the callback: ${errorText(thrown)}`,
      errorStack(thrown),
    );
  }

  /** Reports that the bytes of a link cannot be parsed, and that it is therefore closed. */
  reportUnreadable(thrown: unknown): void {
    const heldBack = this.limiter.admit(LINK);
    if (heldBack === undefined) return;
    this.logger.error(
      `The server sent bytes that cannot be parsed, so the link to it was closed${heldBackText(heldBack)}. ` +
        `Check for a proxy between the client and the server: ${errorText(thrown)}`,
    );
  }

  /** Wraps a callback so that it does not throw, and observes its promise if it is asynchronous. */
  around(subject: string, callback: Callback): (error: Error | null, message: Msg) => void {
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
 * Wraps all subscriptions of a connection that the application opened with the client's own `connect`, including
 * existing subscriptions and later ones of the application: they share the same reader.
 */
export function fenceSubscriptions(nc: NatsConnection): Fence {
  const fence = new Fence();
  const existing = nc instanceof NatsConnectionImpl ? nc.protocol.subscriptions.all() : [];
  for (const subscription of existing) {
    if (!subscription.noIterator) continue;
    subscription.callback = fence.around(subscription.subject, subscription.callback.bind(subscription));
  }
  const subscribe = nc.subscribe.bind(nc);
  // If the connection is read-only, it keeps its own method, and callbacks of the application are not wrapped.
  Reflect.set(nc, 'subscribe', (subject: string, options?: SubscriptionOptions) => {
    const callback = options?.callback;
    if (callback === undefined) return subscribe(subject, options);
    return subscribe(subject, { ...options, callback: fence.around(subject, callback) });
  });
  return fence;
}
