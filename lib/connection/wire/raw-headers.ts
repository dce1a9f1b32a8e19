import type { Msg } from '@nats-io/transport-node';
import { ClientMessage } from './client-message.js';
import { isHeaderBlock } from './message-headers.js';
import { WireMessage } from './wire-message.js';

/** The header block of a message as transmitted; `undefined` if it has none. */
export function rawHeadersOf(msg: Msg): Uint8Array | undefined {
  return msg instanceof WireMessage || msg instanceof ClientMessage ? msg.rawHeaders : undefined;
}

/**
 * Whether the headers of a message can be read: it has none, or they begin with `NATS/1.0`. Handlers treat a message whose
 * headers cannot be read as one with an invalid payload.
 */
export function hasValidHeaders(msg: Msg): boolean {
  if (msg instanceof WireMessage) return msg.headersValid;
  const block = rawHeadersOf(msg);
  return block === undefined || isHeaderBlock(block);
}
