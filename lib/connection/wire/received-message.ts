import type { Msg, MsgHdrs } from '@nats-io/transport-node';

/**
 * A core NATS message as it really is: `reply` and `headers` are always there, and `undefined` if the message has none. The
 * client's own messages are like this too, although it declares both as optional.
 */
export interface ReceivedMessage extends Omit<Msg, 'reply' | 'headers'> {
  readonly reply: string | undefined;
  readonly headers: MsgHdrs | undefined;
}

/** The message under the client's type, which only `exactOptionalPropertyTypes` tells apart. */
export function asMsg(message: ReceivedMessage): Msg {
  return message as Msg;
}
