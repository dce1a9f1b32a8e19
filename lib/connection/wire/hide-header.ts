import type { MsgHdrs } from '@nats-io/transport-node';
import { WireMessage } from './wire-message.js';

/**
 * Removes a header from what handlers see of a message. The bytes of the message are not changed.
 *
 * @param message a message of this library or of the client
 */
export function hideHeader(message: object, name: string): void {
  if (message instanceof WireMessage) message.hide(name);
  else (message as { readonly headers?: MsgHdrs | undefined }).headers?.delete(name);
}
