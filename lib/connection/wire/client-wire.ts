import type { Msg, MsgHdrs, NatsConnection, Subscription } from '@nats-io/transport-node';
import { callbackThroughClient, publishOptions, subscriptionOptions } from './client-options.js';
import { checkSubjects, isDialing } from './dialing.js';
import type { Fence } from './fence.js';
import { checkLineLength } from './line-length.js';
import type { SharedWire, WireSubscriber, WireSubscriptionOptions } from './wire.js';

/** The wire through the client's public methods, for connections without links of this library. */
export class ClientWire implements SharedWire {
  constructor(
    private readonly nc: NatsConnection,
    private readonly fence: Fence,
  ) {}

  publish(subject: string, data: Uint8Array | string, reply?: string, headers?: MsgHdrs): void {
    checkLineLength(subject, reply);
    if (isDialing(this.nc)) return checkSubjects(subject, reply);
    this.nc.publish(subject, data, publishOptions(reply, headers));
  }

  answer(message: Msg, text: string): void {
    this.publish(message.reply ?? '', text);
  }

  subscribe(subject: string, options: WireSubscriptionOptions, subscriber: WireSubscriber): Subscription {
    const { queue, callback } = options;
    checkLineLength(subject, queue);
    const throughClient = callbackThroughClient(subject, callback, subscriber);
    return this.nc.subscribe(subject, subscriptionOptions(queue, this.fence.around(subject, throughClient)));
  }

  abandon(): void {
    // The client has no public method for this; its own time limits end the link.
  }
}
