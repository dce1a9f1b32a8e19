import { Buffer } from 'node:buffer';
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { rawHeadersOf } from '../connection/index.js';

/**
 * The headers of a message as transmitted, with one character for each byte; empty if it has none.
 *
 * Parsing them into a map of lists costs more than the rest of a get, which needs only one header.
 */
export function headerText(msg: Msg): string {
  const block = rawHeadersOf(msg);
  if (block === undefined) return msg.headers ? toText(msg.headers) : '';
  return Buffer.from(block.buffer, block.byteOffset, block.length).toString('latin1');
}

/** The text of headers that are available only in parsed form. */
function toText(headers: MsgHdrs): string {
  const version = 'NATS/1.0';
  const lines = [headers.code ? `${version} ${headers.code} ${headers.description}` : version];
  for (const [name, values] of headers) for (const value of values) lines.push(`${name}: ${value}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
