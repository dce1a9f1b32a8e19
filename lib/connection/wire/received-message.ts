import type { Msg, MsgHdrs } from '@nats-io/transport-node';

/**
 * A core NATS message with its actual properties: `reply` and `headers` always exist, and are `undefined` if the
 * message has none. The client's own messages are the same, although it declares both as optional.
 */
export interface ReceivedMessage extends Omit<Msg, 'reply' | 'headers'> {
  readonly reply: string | undefined;
  readonly headers: MsgHdrs | undefined;
}

/** The message with the client's type; the types differ only with `exactOptionalPropertyTypes`. */
export function asMsg(message: ReceivedMessage): Msg {
  return message as Msg;
}
