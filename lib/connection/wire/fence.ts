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
/** The kind of reports about the link itself; subjects have no blank. */
const LINK = 'the link';

/**
 * Stands between the reader of a link and the callbacks of subscriptions. A reader that a callback's error reached would
 * take it for bytes that cannot be parsed, or stop reading: either way everybody on the connection would suffer from it. So
 * what a callback throws is reported, the message is skipped, and reading goes on.
 */
export class Fence {
  private readonly logger = new Logger('NatsConnection');
  private readonly limiter = new ReportLimiter();

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

  /** Reports that the bytes of a link cannot be parsed, and that it is closed for that. */
  reportUnreadable(thrown: unknown): void {
    const heldBack = this.limiter.admit(LINK);
    if (heldBack === undefined) return;
    this.logger.error(
      `The server sent bytes that cannot be parsed, so the link to it is closed${heldBackText(heldBack)}. ` +
        `Check what stands between client and server: ${errorText(thrown)}`,
    );
  }

  /** A callback that does not throw, and whose promise, if it is asynchronous, is not left to reject unheard. */
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
 * Puts the fence around all subscriptions of a connection that the application made with the client's own `connect`, also
 * those that it makes or has made itself: they have the same reader.
 */
export function fenceSubscriptions(nc: NatsConnection): Fence {
  const fence = new Fence();
  const existing = nc instanceof NatsConnectionImpl ? nc.protocol.subscriptions.all() : [];
  for (const subscription of existing) {
    if (!subscription.noIterator) continue;
    subscription.callback = fence.around(subscription.subject, subscription.callback.bind(subscription));
  }
  const subscribe = nc.subscribe.bind(nc);
  // A connection that cannot be written to keeps its own method: then the application's callbacks are its own affair.
  Reflect.set(nc, 'subscribe', (subject: string, options?: SubscriptionOptions) => {
    const callback = options?.callback;
    if (callback === undefined) return subscribe(subject, options);
    return subscribe(subject, { ...options, callback: fence.around(subject, callback) });
  });
  return fence;
}
