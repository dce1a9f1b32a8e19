import type { MsgHdrs, PublishOptions, SubscriptionOptions } from '@nats-io/transport-node';
import { ClientMessage } from './client-message.js';
import { asMsg } from './received-message.js';
import type { WireSubscriber } from './wire.js';

type Callback = NonNullable<SubscriptionOptions['callback']>;

/** The client's options for a message. Its types do not allow `undefined`, so missing options are omitted. */
export function publishOptions(reply: string | undefined, headers: MsgHdrs | undefined): PublishOptions {
  const options: PublishOptions = {};
  if (reply !== undefined) options.reply = reply;
  if (headers !== undefined) options.headers = headers;
  return options;
}

/** The client's options for a subscription; missing options are omitted as well. */
export function subscriptionOptions(queue: string | undefined, callback: Callback): SubscriptionOptions {
  return queue === undefined ? { callback } : { queue, callback };
}

/** Wraps a callback for the client: its arguments become a message or an error of this library. */
export function callbackThroughClient(
  subject: string,
  callback: Callback,
  subscriber: WireSubscriber,
): Callback {
  return (error, msg) =>
    error
      ? callback(subscriber.errorOf(error, { subject }), msg)
      : callback(null, asMsg(new ClientMessage(msg, subscriber)));
}
